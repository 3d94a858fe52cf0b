// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counts the packets that pass one interface one way: joulepath.ioam.table.packets in C. */
#include "header_cache.h"
#include "flows.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define NEXT (-1) /* TC_ACT_UNSPEC, TCX_NEXT: what else is attached decides */
#define MAX_PIECES 128
#define JUMBO_PAYLOAD 0xc2

#define BRIDGED 0x6558 /* Transparent Ethernet Bridging */

/* `start` if the header of an IP packet there says that it ends at `stop` (or leaves its length at 0), else 0. */
NOINLINE int match_ip_packet(struct __sk_buff *skb, __u32 start, __u32 end, __u32 stop)
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
NOINLINE int find_by_ether_type(struct __sk_buff *skb, __u32 position, __u32 type, __u32 end, __u32 stop)
{
	int inner;

	if (!skb)
		return 0;
	if (type == BRIDGED) {
		inner = position + 14 <= end ? skip_vlan_tags(skb, position) : 0;
		if (inner <= 0 || ((__u32)inner < end && !version_fits_ether_type(skb, inner)))
			return 0;
		position = inner;
	} else if (type != 0x86dd && type != 0x0800) {
		return 0;
	}
	return match_ip_packet(skb, position, end, stop);
}

/* Where the packet inside the tunnel of scratch.info begins; 0 if it is not a tunnel. Ports do not matter: an inner
 * packet that ends where the large packet does is the one that the kernel segments, not the payload of a datagram. */
NOINLINE int find_inner_packet(struct __sk_buff *skb, __u32 end, __u32 stop)
{
	struct scratch *s = scratch();
	__u32 protocol, position, inner, more;
	__u8 first[4];

	if (!s)
		return 0;
	protocol = s->info.protocol;
	position = s->info.position;
	if (protocol == IPV4 || protocol == IPV6)
		return match_ip_packet(skb, position, end, stop);
	if (position + 8 > end)
		return 0;
	if (protocol == GRE && read(skb, position, &first)) /* RFC 2784, RFC 2890 */
		return find_by_ether_type(
			skb, position + 4 + (first[0] >> 5 & 4) + (first[0] >> 3 & 4) + (first[0] >> 2 & 4),
			first[2] << 8 | first[3], end, stop);
	position += 8;
	if (protocol != UDP || position + 8 > end || !read(skb, position, &first))
		return 0;
	inner = match_ip_packet(skb, position, end, stop); /* FOU */
	if (first[0] & 0x08) {                             /* VXLAN: RFC 7348, section 5 */
		more = find_by_ether_type(skb, position + 8, BRIDGED, end, stop);
		inner = more > inner ? more : inner;
	}
	if (first[0] < 0x40) { /* Geneve: RFC 8926, section 3.4 */
		more = find_by_ether_type(skb, position + 8 + 4 * first[0], first[2] << 8 | first[3], end, stop);
		inner = more > inner ? more : inner;
	}
	return inner;
}

/* Where the transport header of a large packet begins, inside any tunnels. Leaves its protocol in scratch.info. */
INLINE int find_transport(struct __sk_buff *skb, __u32 end)
{
	struct scratch *s = scratch();
	__u32 start, stop;
	__u8 first[10];

	if (!s)
		return 0;
	start = s->info.start;
	stop = start + s->info.octets;
	for (__u32 i = 0; i <= MAX_TUNNELS; i++) {
		barrier();
		if (!read(skb, start, &first))
			break;
		if (first[0] >> 4 == 4) {
			s->info.protocol = first[9];
			s->info.position = start + (first[0] & 0x0f) * 4;
		} else {
			s->info.protocol = first[6];
			s->info.position = start + 40;
			skip_extensions(skb, end);
		}
		start = find_inner_packet(skb, end, stop);
		if (!start)
			break;
	}
	return s->info.position;
}

/* The number of packets that a large packet is on the wire. Leaves their octets in scratch.info; all have headers. */
NOINLINE int segments_on_the_wire(struct __sk_buff *skb, __u32 end, __u32 size)
{
	struct scratch *s = scratch();
	struct packet_info info;
	__u32 headers, jumbo = 0, octets, packets;
	__u8 octet, first[8];

	if (!s || !size)
		return 1;
	info = s->info;
	headers = find_transport(skb, end) - info.start;
	barrier();
	if (s->info.protocol == TCP)
		headers += read(skb, info.start + headers + 12, &octet) ? (octet >> 4) * 4 : 20;
	else
		headers += 8;
	/* The kernel marks its own packets above 64 KiB by a jumbo payload option, which never reaches the wire. */
	if (read(skb, info.start, &first) && first[0] >> 4 == 6 && !first[4] && !first[5] && !first[6] &&
	    read(skb, info.start + 42, &octet) && octet == JUMBO_PAYLOAD)
		jumbo = 8;
	octets = info.octets;
	packets = octets > headers ? (octets - headers + size - 1) / size : 1;
	info.octets = octets - jumbo + (packets - 1) * (headers - jumbo);
	s->info = info;
	return packets;
}

/* Counts the packet in scratch.info, or the one inside its tunnels. The UDP payload is at `payload`. */
NOINLINE int count_parsed_packet(struct __sk_buff *skb, __u32 payload, __u32 end, __u32 size)
{
	struct scratch *s = scratch();
	struct counts *counts;
	struct packet_info *info;
	__u32 packets = 1, user = 1, fault, listed = 0, slot;

	if (!s)
		return 0;
	info = &s->info;
	s->in_tunnel = s->teid = s->qfi = 0;
	s->vlan = s->frame_vlan;
	counts = counts_of(s->epoch & 1);
	if (!counts)
		return 0;
	if ((info->protocol == IPV6 || info->protocol == UDP) && !info->fragment && !info->fault && !info->traces)
		user = enter_tunnels(skb, payload, end);
	barrier();
	fault = info->fault;
	if (fault)
		counts->faults[bounded(fault, 0xf)]++;
	if (size)
		packets = segments_on_the_wire(skb, end, size);
	else if (info->jumbo && info->octets > 65535 + 40)
		counts->jumbograms++;
	if (info->fragment)
		counts->fragments += packets;
	if (!user || info->active || is_other(skb, info->start, end, info->protocol, info->position)) {
		add(&counts->other, packets, info->octets);
		return 0;
	}
	add(&counts->user, packets, info->octets);
	if (info->options) {
		counts->option_octets += info->options * packets;
		if (info->overflow)
			counts->overflow_packets += packets;
		if (info->traces) {
			slot = count_trace(skb, packets, info->octets);
			listed = settings.flows && is_configured_trace(skb, slot);
		}
	}
	if (settings.flows && !listed)
		count_flow(skb, info->start, FIELDS_OF(info->protocol, info->position), end,
			   PACKETS_OF(packets, info->octets, s->epoch));
	return 0;
}

/* Counts a tunnel's large packet piece by piece: each may hold another user's packet. */
NOINLINE int count_pieces(struct __sk_buff *skb, __u32 size)
{
	struct scratch *s = scratch();
	__u32 stop, payload, position, length, start;

	if (!s || !size)
		return 0;
	s->carrier = s->info;
	start = s->info.start;
	payload = s->info.position + 8;
	stop = start + s->info.octets;
	s->piece = payload;
	for (__u32 i = 0; i < MAX_PIECES; i++) {
		barrier();
		position = s->piece;
		if (position >= stop)
			break;
		length = stop - position < size ? stop - position : size;
		s->piece = position + length;
		s->info = s->carrier;
		s->info.octets = payload - start + length;
		count_parsed_packet(skb, position, position + length, 0);
	}
	return 0;
}

/* Whether the large packet in scratch.info is several messages from or to GTP-U's port. */
INLINE int holds_several_messages(struct __sk_buff *skb, struct packet_info *info, __u32 end)
{
	if (info->protocol != UDP || info->fragment || info->fault || info->traces)
		return 0;
	if (gtpu_port(skb, info->position, end) == OTHER_PORT)
		return 0;
	return find_carried_packet(skb, info->position + 8, end, info->start + info->octets) < 0;
}

/* Counts the IP packet at `start`, whatever it is. */
NOINLINE int count_packet(struct __sk_buff *skb, __u32 start, __u32 half)
{
	struct scratch *s = scratch();
	__u32 end = skb->len;
	struct counts *counts;

	if (!s)
		return 0;
	s->epoch = half & 1;
	s->frame_vlan = start > settings.link_octets ? s->tag : 0;
	if ((settings.link_octets && !version_fits_ether_type(skb, start)) ||
	    !read_headers(skb, start, end, end > start ? end - start : 0, !!skb->gso_size)) {
		counts = counts_of(half & 1);
		if (counts)
			counts->faults[IP_HEADER]++;
		return 0;
	}
	barrier();
	if (skb->gso_size && holds_several_messages(skb, &s->info, end))
		return count_pieces(skb, skb->gso_size);
	return count_parsed_packet(skb, s->info.position + 8, end, skb->gso_size);
}

/* Of a simple packet; what carries it is in the scratch if it is inside GTP-U. */
#define COUNT_SIMPLE_FLOW()                                                                         \
	count_flow(skb, start, FIELDS_OF(protocol, start + (is_ipv6 ? 40 : 20) + length), skb->len, \
		   PACKETS_OF(1, octets, half | (is_inside ? 0 : OUTSIDE)))

/* Counts a simple packet: UDP or TCP of a user, not a tunnel, with a hop-by-hop header at most. The packet has
 * `available` octets, of which the first 48 may be read. Returns 0 if the packet is not simple. */
INLINE int count_simple_packet(struct __sk_buff *skb, __u8 *first, void *end, __u32 start, __u32 available, __u32 half,
			       int is_ipv6, int is_inside)
{
	__u8 *behind = first + (is_ipv6 ? 40 : 20);
	__u32 octets, protocol, slot, length = 0, listed = 0;
	struct counts *counts;
	struct cached_header *cached = 0;
	struct scratch *s;
	__u64 *words, hash;

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
			if (40 + length > octets || 40 + length > available || (void *)behind + 8 > end)
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

		if (is_other(skb, start, skb->len, protocol, position))
			return 0;
	}
	octets = octets < available ? octets : available;
	counts = counts_of(half);
	if (!counts)
		return 0;
	if (length) {
		s = scratch();
		if (!s)
			return 0;
		words = (__u64 *)s->header;
		if (!copy_header(first + 40, end, length, words, &hash)) {
			if (length > HEADER_OCTETS || bpf_skb_load_bytes(skb, start + 40, s->header, length))
				return 0;
		} else if (!has_varying_field(s)) {
			cached = cached_header_for(hash, half);
			if (cached && count_cached(cached, words, length, hash, counts, half, octets)) {
				add(&counts->user, 1, octets);
				if (settings.flows && !cached->listed)
					COUNT_SIMPLE_FLOW();
				return 1;
			}
		}
		__builtin_memset(&s->info, 0, sizeof(s->info));
		s->epoch = half;
		if (read_options(skb, length))
			return 0; /* count_packet counts faults */
		barrier();
		if (s->info.active)
			return 0;
		if (s->info.options) {
			counts->option_octets += s->info.options;
			counts->overflow_packets += s->info.overflow;
			if (s->info.traces) {
				slot = count_trace(skb, 1, octets);
				listed = settings.flows && is_configured_trace(skb, slot);
				if (cached && slot)
					cache_header(cached, words, hash, slot - 1, &s->info, listed);
			}
		}
	}
	add(&counts->user, 1, octets);
	if (settings.flows && !listed)
		COUNT_SIMPLE_FLOW();
	return 1;
}

/* Counts a simple packet inside GTP-U: the message begins at `message`, the packet ends at `stop`. */
NOINLINE int count_simple_inside_gtpu(struct __sk_buff *skb, __u32 message, __u32 stop, __u32 half)
{
	__u32 length = skb->len;
	void *data, *end;
	__u8 *first;
	int inner;

	if (stop > length)
		return 0;
	if (settings.flows) {
		struct scratch *s = scratch();

		if (!s)
			return 0;
		s->vlan = 0;
	}
	inner = find_gtpu_payload(skb, message, stop);
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
		return count_simple_packet(skb, first, end, inner, stop - inner, half & 1, 1, 1);
	}
	if (!ip_header_agrees(skb, inner, length, stop - inner, 0))
		return 0;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	first = data + bounded(inner, 0x7fff);
	if ((void *)first + 48 > end)
		return 0;
	return count_simple_packet(skb, first, end, inner, stop - inner, half & 1, 0, 1);
}

/* Counts the packet if it is a simple one, inside GTP-U or not. Returns 0 if it is not. */
INLINE int try_fast_path(struct __sk_buff *skb, __u32 start, __u32 half, int is_ipv6)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u8 *first = data + start;
	__u32 octets;

	if (settings.protocols[0] & (1 << UDP | 1 << TCP) || data + start + 48 > end || skb->gso_size)
		return 0;
	if (count_simple_packet(skb, first, end, start, skb->len - start, half, is_ipv6, 0))
		return 1;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	first = data + start;
	if (data + start + 48 > end)
		return 0;
	if (is_ipv6) {
		octets = 40 + bpf_ntohs(*(__u16 *)(first + 4));
		if (octets == 40 || first[0] >> 4 != 6 || first[6] != UDP ||
		    *(__u16 *)(first + 42) != bpf_htons(GTPU_PORT))
			return 0;
		return count_simple_inside_gtpu(skb, start + 48, start + octets, half);
	}
	octets = bpf_ntohs(*(__u16 *)(first + 2));
	if (first[0] != 0x45 || *(__u16 *)(first + 6) & bpf_htons(0x3fff) || first[9] != UDP ||
	    *(__u16 *)(first + 22) != bpf_htons(GTPU_PORT))
		return 0;
	return count_simple_inside_gtpu(skb, start + 28, start + octets, half);
}

/* Counts a frame without an IP packet to count; `reason` is of enum skipped. */
INLINE void count_skipped(__u32 reason, __u32 half)
{
	struct counts *counts = counts_of(half);

	if (counts)
		counts->skipped[bounded(reason, 0x7)]++;
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 start = settings.link_octets, half = turn.epoch & 1;

	if (start) {
		void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
		__u16 type = 0;
		int offset;

		if (data + 14 <= end)
			type = *(__u16 *)(data + 12);
		if (type == bpf_htons(0x86dd)) {
			if (try_fast_path(skb, 14, half, 1))
				return NEXT;
		} else if (type == bpf_htons(0x0800)) {
			if (try_fast_path(skb, 14, half, 0))
				return NEXT;
		} else {
			/* ARP is the most frequent of the others. */
			offset = type == bpf_htons(0x0806) ? -NOT_IP : skip_vlan_tags(skb, 0);
			if (offset < 0) {
				count_skipped(-offset, half);
				return NEXT;
			}
			start = offset;
		}
	}
	count_packet(skb, start, half);
	return NEXT;
}
