// SPDX-License-Identifier: Apache-2.0
/* Counts the packets that pass one interface one way: joulepath.ioam.table.packets in C. */
#include "same.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define NEXT (-1) /* TC_ACT_UNSPEC, TCX_NEXT: what else is attached decides */
#define MAX_PIECES 128
#define JUMBO_PAYLOAD 0xc2

#define BRIDGED 0x6558 /* Transparent Ethernet Bridging */

/* `start` if the header of an IP packet there says that it ends at `stop` (or leaves its length at 0), else 0. */
NOINLINE int checked(struct __sk_buff *skb, __u32 start, __u32 end, __u32 stop)
{
	__u8 first[6];
	__u32 octets;

	if (!skb || start + 20 > end || !read(skb, start, &first))
		return 0;
	if (first[0] >> 4 == 6 && start + 40 <= end) {
		octets = 40 + (first[4] << 8 | first[5]);
		return octets == 40 || octets == stop - start ? start : 0;
	}
	octets = first[2] << 8 | first[3];
	return first[0] >> 4 == 4 && (first[0] & 0x0f) >= 5 && (!octets || octets == stop - start) ? start : 0;
}

/* Where the IP packet of this EtherType begins, or that in the Ethernet frame at `position`; 0 without one. */
NOINLINE int of_type(struct __sk_buff *skb, __u32 position, __u32 type, __u32 end, __u32 stop)
{
	int found;

	if (!skb)
		return 0;
	if (type == BRIDGED) {
		found = position + 14 <= end ? behind_tags(skb, position) : 0;
		if (found <= 0 || ((__u32)found < end && !fits_type(skb, found)))
			return 0;
		position = found;
	} else if (type != 0x86dd && type != 0x0800) {
		return 0;
	}
	return checked(skb, position, end, stop);
}

/* Where the IP packet begins that the tunnel's header in scratch.found carries, 0 if it is not a tunnel. Any port will do:
 * an inner packet that ends where the large packet does is what the kernel cuts, and no datagram's payload. */
NOINLINE int tunnelled(struct __sk_buff *skb, __u32 end, __u32 stop)
{
	struct scratch *s = scratch();
	__u32 protocol, position, found, more;
	__u8 first[4];

	if (!s)
		return 0;
	protocol = s->found.protocol;
	position = s->found.position;
	if (protocol == IPV4 || protocol == IPV6)
		return checked(skb, position, end, stop);
	if (position + 8 > end)
		return 0;
	if (protocol == GRE && read(skb, position, &first)) /* RFC 2784, RFC 2890 */
		return of_type(skb, position + 4 + (first[0] >> 5 & 4) + (first[0] >> 3 & 4) + (first[0] >> 2 & 4),
			       first[2] << 8 | first[3], end, stop);
	position += 8;
	if (protocol != UDP || position + 8 > end || !read(skb, position, &first))
		return 0;
	found = checked(skb, position, end, stop); /* FOU */
	if (first[0] & 0x08) { /* VXLAN: RFC 7348, section 5 */
		more = of_type(skb, position + 8, BRIDGED, end, stop);
		found = more > found ? more : found;
	}
	if (first[0] < 0x40) { /* Geneve: RFC 8926, section 3.4 */
		more = of_type(skb, position + 8 + 4 * first[0], first[2] << 8 | first[3], end, stop);
		found = more > found ? more : found;
	}
	return found;
}

/* Where the transport header of a large packet begins, inside tunnels if there are any; its protocol in found. */
INLINE int transport(struct __sk_buff *skb, __u32 end)
{
	struct scratch *s = scratch();
	__u32 start, stop;
	__u8 first[10];

	if (!s)
		return 0;
	start = s->found.start;
	stop = start + s->found.octets;
	for (__u32 i = 0; i <= MAX_TUNNELS; i++) {
		barrier();
		if (!read(skb, start, &first))
			break;
		if (first[0] >> 4 == 4) {
			s->found.protocol = first[9];
			s->found.position = start + (first[0] & 0x0f) * 4;
		} else {
			s->found.protocol = first[6];
			s->found.position = start + 40;
			extensions(skb, end);
		}
		start = tunnelled(skb, end, stop);
		if (!start)
			break;
	}
	return s->found.position;
}

/* Packets on the wire of a large packet, whose octets are in scratch.found; each repeats the headers. */
NOINLINE int on_the_wire(struct __sk_buff *skb, __u32 end, __u32 size)
{
	struct scratch *s = scratch();
	struct found found;
	__u32 headers, jumbo = 0, octets, packets;
	__u8 octet, first[8];

	if (!s || !size)
		return 1;
	found = s->found;
	headers = transport(skb, end) - found.start;
	barrier();
	if (s->found.protocol == TCP)
		headers += read(skb, found.start + headers + 12, &octet) ? (octet >> 4) * 4 : 20;
	else
		headers += 8;
	/* The kernel marks its own packets above 64 KiB by a jumbo payload option, which never reaches the wire. */
	if (read(skb, found.start, &first) && first[0] >> 4 == 6 && !first[4] && !first[5] && !first[6] &&
	    read(skb, found.start + 42, &octet) && octet == JUMBO_PAYLOAD)
		jumbo = 8;
	octets = found.octets;
	packets = octets > headers ? (octets - headers + size - 1) / size : 1;
	found.octets = octets - jumbo + (packets - 1) * (headers - jumbo);
	s->found = found;
	return packets;
}

/* Counts the packet in scratch.found, or what is inside it if it is a tunnel's. The UDP payload is at `payload`. */
NOINLINE int packet(struct __sk_buff *skb, __u32 payload, __u32 end, __u32 size)
{
	struct scratch *s = scratch();
	struct counts *counts;
	struct found *found;
	__u32 packets = 1, user = 1, fault;

	if (!s)
		return 0;
	found = &s->found;
	counts = counts_of(s->epoch & 1);
	if (!counts)
		return 0;
	if ((found->protocol == IPV6 || found->protocol == UDP) && !found->fragment && !found->fault && !found->traces)
		user = inside(skb, payload, end);
	barrier();
	fault = found->fault;
	if (fault)
		counts->faults[bounded(fault, 0xf)]++;
	if (size)
		packets = on_the_wire(skb, end, size);
	else if (found->jumbo && found->octets > 65535 + 40)
		counts->jumbograms++;
	if (found->fragment)
		counts->fragments += packets;
	if (!user || found->active || other(skb, found->start, end, found->protocol, found->position)) {
		add(&counts->other, packets, found->octets);
		return 0;
	}
	add(&counts->user, packets, found->octets);
	if (found->options) {
		counts->option_octets += found->options * packets;
		if (found->overflow)
			counts->overflow_packets += packets;
		if (found->traces)
			traced(skb, packets, found->octets);
	}
	return 0;
}

/* A tunnel's large packet is counted piece by piece: each may hold another user's packet. */
NOINLINE int pieces(struct __sk_buff *skb, __u32 size)
{
	struct scratch *s = scratch();
	__u32 stop, payload, position, length, start;

	if (!s || !size)
		return 0;
	s->carrier = s->found;
	start = s->found.start;
	payload = s->found.position + 8;
	stop = start + s->found.octets;
	s->piece = payload;
	for (__u32 i = 0; i < MAX_PIECES; i++) {
		barrier();
		position = s->piece;
		if (position >= stop)
			break;
		length = stop - position < size ? stop - position : size;
		s->piece = position + length;
		s->found = s->carrier;
		s->found.octets = payload - start + length;
		packet(skb, position, position + length, 0);
	}
	return 0;
}

/* Whether the large packet in scratch.found is several messages from or to GTP-U's port. */
INLINE int to_be_cut(struct __sk_buff *skb, struct found *found, __u32 end)
{
	if (found->protocol != UDP || found->fragment || found->fault || found->traces)
		return 0;
	if (gtpu_port(skb, found->position, end) == OTHER_PORT)
		return 0;
	return carried(skb, found->position + 8, end, found->start + found->octets) < 0;
}

/* Any IP packet from `start` on. */
NOINLINE int any(struct __sk_buff *skb, __u32 start, __u32 epoch_)
{
	struct scratch *s = scratch();
	__u32 end = skb->len;
	struct counts *counts;

	if (!s)
		return 0;
	s->epoch = epoch_ & 1;
	if ((settings.link_octets && !fits_type(skb, start)) ||
	    !header(skb, start, end, end > start ? end - start : 0, !!skb->gso_size)) {
		counts = counts_of(epoch_ & 1);
		if (counts)
			counts->faults[IP_HEADER]++;
		return 0;
	}
	barrier();
	if (skb->gso_size && to_be_cut(skb, &s->found, end))
		return pieces(skb, skb->gso_size);
	return packet(skb, s->found.position + 8, end, skb->gso_size);
}

/* Counts a user's packet of UDP or TCP that has no extension header but a hop-by-hop header at most, and is no tunnel's:
 * short for the general way below. Of the packet `there` octets are there; the first 48 may be read. 0: it is another one.
 */
INLINE int plain(struct __sk_buff *skb, __u8 *first, void *end, __u32 start, __u32 there, __u32 epoch_, int is_ipv6)
{
	__u8 *behind = first + (is_ipv6 ? 40 : 20);
	__u32 octets, protocol, slot, length = 0;
	struct counts *counts;
	struct same *same_ = 0;
	struct scratch *s;
	__u64 *words, mixed;

	if (is_ipv6) {
		if (first[0] >> 4 != 6)
			return 0;
		octets = 40 + bpf_ntohs(*(__u16 *)(first + 4));
		protocol = first[6];
		if (octets == 40)
			return 0;
		if (protocol == HOP_BY_HOP) {
			protocol = first[40];
			length = 8 + first[41] * 8;
			behind += length;
			if (40 + length > octets || 40 + length > there || (void *)behind + 8 > end)
				return 0;
		}
	} else {
		if (first[0] != 0x45 || *(__u16 *)(first + 6) & bpf_htons(0x3fff))
			return 0;
		octets = bpf_ntohs(*(__u16 *)(first + 2));
		protocol = first[9];
		if (octets < 20)
			return 0;
	}
	if (protocol == UDP) {
		if (*(__u16 *)behind == bpf_htons(GTPU_PORT) || *(__u16 *)(behind + 2) == bpf_htons(GTPU_PORT))
			return 0;
	} else if (protocol != TCP) {
		return 0;
	}
	if (settings.prefixes || settings.ports) {
		__u32 position = start + (is_ipv6 ? 40 : 20) + length;

		if (other(skb, start, skb->len, protocol, position))
			return 0;
	}
	octets = octets < there ? octets : there;
	counts = counts_of(epoch_);
	if (!counts)
		return 0;
	if (length) {
		s = scratch();
		if (!s)
			return 0;
		words = (__u64 *)s->header;
		if (!copied(first + 40, end, length, words, &mixed)) {
			if (length > HEADER_OCTETS || bpf_skb_load_bytes(skb, start + 40, s->header, length))
				return 0;
		} else if (!varies(s)) {
			same_ = same_place(mixed, epoch_);
			if (same_ && counted_as_before(same_, words, length, mixed, counts, epoch_, octets)) {
				add(&counts->user, 1, octets);
				return 1;
			}
		}
		__builtin_memset(&s->found, 0, sizeof(s->found));
		s->epoch = epoch_;
		if (options(skb, length))
			return 0; /* it comes again, where faults are counted */
		barrier();
		if (s->found.active)
			return 0;
		if (s->found.options) {
			counts->option_octets += s->found.options;
			counts->overflow_packets += s->found.overflow;
			if (s->found.traces) {
				slot = traced(skb, 1, octets);
				if (same_ && slot)
					remember(same_, words, mixed, slot - 1, &s->found);
			}
		}
	}
	add(&counts->user, 1, octets);
	return 1;
}

/* The same inside GTP-U, whose message begins at `message` in a packet that ends at `stop`. */
NOINLINE int plain_inside(struct __sk_buff *skb, __u32 message, __u32 stop, __u32 epoch_)
{
	__u32 length = skb->len;
	void *data, *end;
	__u8 *first;
	int inner;

	if (stop > length)
		return 0;
	inner = gtpu(skb, message, stop);
	if (inner < 0 || inner >= 0x7000)
		return 0;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	first = data + bounded(inner, 0x7fff);
	if ((void *)first + 48 > end)
		return 0;
	if (first[0] >> 4 == 6) {
		if (40 + bpf_ntohs(*(__u16 *)(first + 4)) != stop - inner)
			return 0;
		return plain(skb, first, end, inner, stop - inner, epoch_ & 1, 1);
	}
	if (!agrees(skb, inner, length, stop - inner, 0))
		return 0;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	first = data + bounded(inner, 0x7fff);
	if ((void *)first + 48 > end)
		return 0;
	return plain(skb, first, end, inner, stop - inner, epoch_ & 1, 0);
}

/* The shorter way, if one leads there. */
INLINE int shortly(struct __sk_buff *skb, __u32 start, __u32 epoch_, int is_ipv6)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u8 *first = data + start;
	__u32 octets;

	if (settings.protocols[0] & (1 << UDP | 1 << TCP) || data + start + 48 > end || skb->gso_size)
		return 0;
	if (plain(skb, first, end, start, skb->len - start, epoch_, is_ipv6))
		return 1;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	first = data + start;
	if (data + start + 48 > end)
		return 0;
	if (is_ipv6) {
		octets = 40 + bpf_ntohs(*(__u16 *)(first + 4));
		if (octets == 40 || first[0] >> 4 != 6 || first[6] != UDP || *(__u16 *)(first + 42) != bpf_htons(GTPU_PORT))
			return 0;
		return plain_inside(skb, start + 48, start + octets, epoch_);
	}
	octets = bpf_ntohs(*(__u16 *)(first + 2));
	if (first[0] != 0x45 || *(__u16 *)(first + 6) & bpf_htons(0x3fff) || first[9] != UDP ||
	    *(__u16 *)(first + 22) != bpf_htons(GTPU_PORT))
		return 0;
	return plain_inside(skb, start + 28, start + octets, epoch_);
}

/* Counts a frame that has no IP packet to count, for one of enum skipped. */
INLINE void skip(__u32 reason, __u32 epoch_)
{
	struct counts *counts = counts_of(epoch_);

	if (counts)
		counts->skipped[bounded(reason, 0x7)]++;
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 start = settings.link_octets, epoch_ = epoch & 1;

	if (start) {
		void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
		__u16 type = 0;
		int found;

		if (data + 14 <= end)
			type = *(__u16 *)(data + 12);
		if (type == bpf_htons(0x86dd)) {
			if (shortly(skb, 14, epoch_, 1))
				return NEXT;
		} else if (type == bpf_htons(0x0800)) {
			if (shortly(skb, 14, epoch_, 0))
				return NEXT;
		} else {
			found = type == bpf_htons(0x0806) ? -NOT_IP : behind_tags(skb, 0); /* ARP is what comes most */
			if (found < 0) {
				skip(-found, epoch_);
				return NEXT;
			}
			start = found;
		}
	}
	any(skb, start, epoch_);
	return NEXT;
}
