/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reads the headers of an IP packet, and finds those inside tunnels: joulepath.ioam.wire and .table.packets. */
#pragma once

#include "options.h"

#define HOP_BY_HOP 0
#define IPV4 4
#define TCP 6
#define UDP 17
#define IPV6 41
#define ROUTING 43
#define FRAGMENT 44
#define GRE 47
#define AUTHENTICATION 51
#define ICMPV6 58
#define DESTINATION 60
#define SCTP 132
#define NO_NEXT_HEADER 59
#define SHORTEST_PAYLOAD 46 /* octets to which Ethernet pads a packet */
#define NOTHING_FOLLOWS (-1)
#define GTPU_PORT 2152
#define MAX_EXTENSIONS 8
#define MAX_TUNNELS 3
#define MAX_VLANS 8

/* Reads octets directly if they are in the linear part, else by the helper. Returns 0 if the frame ends before. */
#define read(skb, offset, to) read_octets(skb, offset, to, sizeof(*(to)))
INLINE int read_octets(struct __sk_buff *skb, __u32 offset, void *to, const __u32 length)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (offset < 0x7000) {
		void *from = data + bounded(offset, 0x7fff);

		if (from + length <= end) {
			__builtin_memcpy(to, from, length);
			return 1;
		}
	}
	return !bpf_skb_load_bytes(skb, offset, to, length);
}

/* Moves info.position and info.protocol behind the extension headers. */
NOINLINE int skip_extensions(struct __sk_buff *skb, __u32 end)
{
	struct scratch *s = scratch();

	if (!s)
		return 0;
	for (__u32 i = 0; i < MAX_EXTENSIONS; i++) {
		__s32 protocol = s->info.protocol;
		__u32 position = s->info.position, length;
		__u8 octets[4];

		if (position + 8 > end || !read(skb, position, &octets))
			break;
		if (protocol == HOP_BY_HOP || protocol == ROUTING || protocol == DESTINATION) {
			length = (octets[1] + 1) * 8;
		} else if (protocol == AUTHENTICATION) {
			length = (octets[1] + 2) * 4;
		} else if (protocol == FRAGMENT) {
			length = 8;
			if (octets[2] || octets[3] & 0xf8) {
				s->info.fragment = 1;
				s->info.protocol = NOTHING_FOLLOWS;
				s->info.position = end;
				break;
			}
			if (octets[3] & 1) /* an atomic fragment (RFC 6946) is whole */
				s->info.fragment = 1;
		} else {
			break;
		}
		s->info.protocol = octets[0];
		s->info.position = position + length;
	}
	return 0;
}

/* Ends the reading: nothing that can be read follows. */
INLINE int end_headers(struct packet_info *info, __u32 octets, __u32 end, __u8 fault)
{
	info->octets = octets;
	info->protocol = NOTHING_FOLLOWS;
	info->position = end;
	info->fault = fault;
	return 1;
}

INLINE void clear_options(struct packet_info *info)
{
	info->options = info->jumbo = info->active = 0;
	info->traces = info->overflow = 0;
}

INLINE int read_ipv6(struct __sk_buff *skb, struct scratch *s, __u32 start, __u32 end, __u32 length, __u32 large)
{
	struct packet_info *info = &s->info;
	__u8 first[8], next[2];
	__u32 octets, position = start + 40, stop = end + 1;
	int jumbo, fault;

	if (!read(skb, start, &first))
		return 0;
	octets = 40 + (first[4] << 8 | first[5]);
	/* A jumbogram says its length in the hop-by-hop header: RFC 2675. */
	jumbo = octets == 40;
	octets = (jumbo && large) || octets > length ? length : octets;
	info->protocol = first[6];
	if (first[6] == HOP_BY_HOP) {
		if (position + 2 <= end && read(skb, position, &next))
			stop = position + 8 + next[1] * 8;
		if (stop > end || (!jumbo && stop > start + octets))
			return end_headers(info, octets, end, TRUNCATED);
		fault = read_hop_by_hop(skb, position, stop - position);
		if (fault) {
			clear_options(info);
			info->fault = fault;
		}
		if (jumbo && !large) {
			__u64 announced = 40ULL + info->jumbo;

			octets = announced < length ? announced : length;
			if (!fault && stop > start + octets) {
				clear_options(info);
				return end_headers(info, octets, end, TRUNCATED);
			}
		}
		info->protocol = next[0];
		position = stop;
	} else if (jumbo && !large && length > SHORTEST_PAYLOAD && first[6] != NO_NEXT_HEADER) {
		octets = length;
	}
	info->octets = octets;
	info->position = position;
	switch (info->protocol) {
	case ROUTING:
	case FRAGMENT:
	case AUTHENTICATION:
	case DESTINATION:
		skip_extensions(skb, end);
	}
	return 1;
}

INLINE int read_ipv4(struct __sk_buff *skb, struct packet_info *info, __u32 start, __u32 end, __u32 length)
{
	__u8 first[12];
	__u32 octets, offset, header_octets;

	if (!read(skb, start, &first))
		return 0;
	header_octets = (first[0] & 0x0f) * 4;
	octets = first[2] << 8 | first[3];
	/* Hosts leave the length at 0 where the network card segments (TSO), and so does Linux above 64 KiB (BIG TCP). */
	if (header_octets < 20 || (octets && octets < header_octets))
		return 0;
	offset = first[6] << 8 | first[7];
	info->octets = !octets || octets > length ? length : octets;
	info->protocol = first[9];
	info->position = offset & 0x1fff ? end : start + header_octets; /* only the first has a transport header */
	info->fragment = !!(offset & 0x3fff);
	return 1;
}

/* Reads the headers of the IP packet frame[start:end], `length` octets long, into scratch.info. Returns 0
 * if it is not IP. */
NOINLINE int read_headers(struct __sk_buff *skb, __u32 start, __u32 end, __u32 length, __u32 large)
{
	struct scratch *s = scratch();
	__u8 version;

	if (!s || start >= end || !read(skb, start, &version))
		return 0;
	version >>= 4;
	if ((version != 6 || end - start < 40) && (version != 4 || end - start < 20))
		return 0;
	__builtin_memset(&s->info, 0, sizeof(s->info));
	s->info.start = start;
	if (version == 6)
		return read_ipv6(skb, s, start, end, length, large);
	return read_ipv4(skb, &s->info, start, end, length);
}

#define OTHER_PORT 0
#define FROM 1
#define TO 2

/* Whether the UDP header at `position` is to GTP-U's port, or from it alone as answers may be. */
INLINE int gtpu_port(struct __sk_buff *skb, __u32 position, __u32 end)
{
	__u16 ports[2];

	if (position + 8 > end || !read(skb, position, &ports))
		return OTHER_PORT;
	if (ports[1] == bpf_htons(GTPU_PORT))
		return TO;
	return ports[0] == bpf_htons(GTPU_PORT) ? FROM : OTHER_PORT;
}

/* Where the IP packet in the Ethernet frame at `frame` begins, or the negative enum skipped of what it has instead. */
NOINLINE int skip_vlan_tags(struct __sk_buff *skb, __u32 frame)
{
	struct scratch *s = scratch();
	__u16 type, tag;

	if (!s)
		return -NOT_IP;
	s->tag = 0;
	for (__u32 i = 0; i <= MAX_VLANS; i++) {
		if (!read(skb, frame + 12 + 4 * i, &type))
			return -NOT_IP;
		switch (type) {
		case bpf_htons(0x86dd):
		case bpf_htons(0x0800):
			return frame + 14 + 4 * i;
		case bpf_htons(0x8100): /* IEEE 802.1Q, 802.1ad, and what switches wrote before 802.1ad */
		case bpf_htons(0x88a8):
		case bpf_htons(0x9100):
		case bpf_htons(0x9200):
		case bpf_htons(0x9300):
			/* A tag of VLAN 0 has a priority and no VLAN: IEEE 802.1Q, table 9-2. */
			if (settings.flows && read(skb, frame + 14 + 4 * i, &tag) && tag & bpf_htons(0xfff))
				s->tag = bpf_ntohs(tag) & 0xfff;
			break;
		case bpf_htons(0x8847):
		case bpf_htons(0x8848):
			return -MPLS;
		case bpf_htons(0x8864):
			return -PPPOE;
		case bpf_htons(0x88e5):
			return -MACSEC;
		case bpf_htons(0x88e7):
			return -BACKBONE;
		default:
			return -NOT_IP;
		}
	}
	return -VLAN_TAGS;
}

/* Whether the version of the IP packet at `start` is the one of the EtherType before it. */
INLINE int version_fits_ether_type(struct __sk_buff *skb, __u32 start)
{
	__u16 type;
	__u8 octet;

	return read(skb, start - 2, &type) && read(skb, start, &octet) &&
	       octet >> 4 == (type == bpf_htons(0x86dd) ? 6 : 4);
}

#define SIGNALLING (-1)
#define FOREIGN (-2)
#define MALFORMED (-3)

INLINE int begin_tunnel(struct scratch *s, __u8 *message, __u32 position)
{
	if (settings.flows) {
		s->teid = message[4] << 24 | message[5] << 16 | message[6] << 8 | message[7];
		s->in_tunnel = 1;
		s->qfi = s->next_qfi;
	}
	return position;
}

/* Where the user's packet begins in the UDP payload frame[start:end], or one of the above: 3GPP TS 29.281, clause 5. */
NOINLINE int find_gtpu_payload(struct __sk_buff *skb, __u32 start, __u32 end)
{
	struct scratch *s = scratch();
	__u32 position;
	__u8 octets[8], octet, container[2], kind;

	if (!s || start + 8 > end || !read(skb, start, &octets))
		return MALFORMED;
	if (octets[0] >> 4 != 3)
		return FOREIGN;
	if (octets[1] != 255)
		return SIGNALLING;
	s->next_qfi = 0;
	s->position = start + 8 + (octets[0] & 0x07 ? 4 : 0);
	/* The octet before, and the last of each extension header, says whether one more follows. */
	for (__u32 i = 0; i <= MAX_EXTENSIONS; i++) {
		barrier();
		position = s->position;
		if (position > end)
			return MALFORMED;
		if (!(octets[0] & 0x04))
			return begin_tunnel(s, octets, position);
		if (!read(skb, position - 1, &kind))
			return MALFORMED;
		if (!kind)
			return begin_tunnel(s, octets, position);
		if (position == end || !read(skb, position, &octet) || !octet)
			return MALFORMED;
		/* The PDU session container has a QFI with PDU types 0 and 1: TS 38.415, clause 5.5.2. */
		if (settings.flows && kind == 0x85 && position + 3 <= end && read(skb, position + 1, &container) &&
		    container[0] >> 4 <= 1)
			s->next_qfi = 1 + (container[1] & 0x3f);
		s->position = position + 4 * octet;
	}
	return MALFORMED;
}

/* Whether the lengths of an IPv4 header are possible and its checksum fits, or is 0: left to a network card. */
INLINE int ipv4_header_is_valid(struct __sk_buff *skb, __u32 start, __u32 end, __u16 *words)
{
	__u32 header_octets = (bpf_ntohs(words[0]) >> 8 & 0x0f) * 4, sum = 0;

	if (header_octets < 20 || header_octets > end - start || header_octets > bpf_ntohs(words[1]))
		return 0;
	if (!words[5])
		return 1;
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += words[i];
	for (__u32 i = 20; i < 60; i += 2) {
		__u16 more;

		if (i >= header_octets)
			break;
		if (!read(skb, start + i, &more))
			return 0;
		sum += more;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff || sum == 0x1fffe;
}

/* Whether an IP packet of `length` octets begins at `start`, or a shorter one that Ethernet padded. */
NOINLINE int ip_header_agrees(struct __sk_buff *skb, __u32 start, __u32 end, __u32 length, __u32 padded)
{
	__u16 words[10];
	__u32 octets, version;

	if (start + 20 > end || !read(skb, start, &words))
		return 0;
	version = bpf_ntohs(words[0]) >> 12;
	if (version == 6 && start + 40 <= end)
		octets = 40 + bpf_ntohs(words[2]);
	else if (version == 4 && ipv4_header_is_valid(skb, start, end, words))
		octets = bpf_ntohs(words[1]);
	else
		return 0;
	return octets == length || (padded && octets < length && length <= SHORTEST_PAYLOAD);
}

/* Where the IP packet of the T-PDU frame[start:stop] begins, in an Ethernet frame or not, or FOREIGN:
 * joulepath.ioam.wire.inner. */
NOINLINE int find_user_packet(struct __sk_buff *skb, __u32 start, __u32 end, __u32 stop)
{
	__u32 inside, limit = end < stop ? end : stop;
	int offset;

	if (!skb || start > stop)
		return FOREIGN;
	if (ip_header_agrees(skb, start, end, stop - start, 0))
		return start;
	if (start + 14 > limit)
		return FOREIGN;
	offset = skip_vlan_tags(skb, start);
	if (offset <= 0)
		return FOREIGN;
	inside = offset;
	if (inside >= limit || !version_fits_ether_type(skb, inside) ||
	    !ip_header_agrees(skb, inside, end, stop - inside, 1))
		return FOREIGN;
	return inside;
}

/* Whether the UDP payload frame[start:stop] is an answer of the tunnel's other end. */
INLINE int is_gtpu_answer(struct __sk_buff *skb, __u32 start, __u32 end, __u32 stop)
{
	__u8 first[4];

	if (start + 8 > end || !read(skb, start, &first))
		return 0;
	return first[0] >> 4 == 3 && (first[1] == 2 || first[1] == 31) &&
	       start + 8 + (first[2] << 8 | first[3]) == stop;
}

/* Where the packet begins that the tunnel's packet in scratch.info carries, or one of the above. The payload of UDP is
 * at `payload`, and the packet ends at `stop`. */
NOINLINE int find_carried_packet(struct __sk_buff *skb, __u32 payload, __u32 end, __u32 stop)
{
	struct scratch *s = scratch();
	__u32 limit = stop < end ? stop : end, position;
	int way, inner;
	__u8 octet;

	if (!s)
		return FOREIGN;
	position = s->info.position;
	if (s->info.protocol == IPV6)
		return position < end && read(skb, position, &octet) && octet >> 4 == 6 ? (int)position : FOREIGN;
	if (s->info.protocol != UDP)
		return FOREIGN;
	way = gtpu_port(skb, position, end);
	if (way == TO) {
		inner = find_gtpu_payload(skb, payload, limit);
		return inner < 0 ? inner : find_user_packet(skb, inner, end, stop);
	}
	return way == FROM && is_gtpu_answer(skb, payload, limit, stop) ? SIGNALLING : FOREIGN;
}

/* Moves scratch.info to the packet inside tunnels that is to be counted. Returns 0 if it is not a user's packet. */
NOINLINE int enter_tunnels(struct __sk_buff *skb, __u32 payload, __u32 end)
{
	struct scratch *s = scratch();
	struct packet_info outer;
	__u32 stop;
	int inner;

	if (!s)
		return 1;
	for (__u32 i = 0; i < MAX_TUNNELS; i++) {
		barrier();
		outer = s->info;
		stop = outer.start + outer.octets;
		if (outer.protocol == UDP && (i || payload == outer.position + 8))
			payload = outer.position + 8;
		else if (outer.protocol == UDP)
			stop = end; /* a piece of a large packet: its payload is elsewhere */
		s->tag = 0;
		inner = find_carried_packet(skb, payload, end, stop);
		if (inner == MALFORMED)
			s->info.fault = GTPU_HEADER;
		if (inner == SIGNALLING)
			return 0;
		if (inner < 0 || (__u32)inner > stop)
			return 1;
		if (!read_headers(skb, inner, end, stop - inner, 0)) {
			s->info = outer;
			return 1;
		}
		if (s->tag)
			s->vlan = s->tag;
		if (s->info.fragment || s->info.fault || s->info.traces)
			return 1;
	}
	return 1;
}
