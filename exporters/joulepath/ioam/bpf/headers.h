/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the headers of an IP packet, and finds those inside tunnels: joulepath.ioam.headers, .gtpu and .packets. */
#pragma once

#include "options.h"

#define HOP_BY_HOP 0
#define TCP 6
#define UDP 17
#define IPV6 41
#define ROUTING 43
#define FRAGMENT 44
#define AUTHENTICATION 51
#define ICMPV6 58
#define DESTINATION 60
#define SCTP 132
#define NOTHING_FOLLOWS (-1)
#define GTPU_PORT 2152
#define MAX_EXTENSIONS 8
#define MAX_TUNNELS 3

/* Directly where the frame's octets are at hand, else by the helper. False where the frame ends before. */
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

/* Behind the extension headers from found.position on. */
NOINLINE int extensions(struct __sk_buff *skb, __u32 end)
{
	struct scratch *s = scratch();

	if (!s)
		return 0;
	for (__u32 i = 0; i < MAX_EXTENSIONS; i++) {
		__s32 protocol = s->found.protocol;
		__u32 position = s->found.position, length;
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
				s->found.fragment = 1;
				s->found.protocol = NOTHING_FOLLOWS;
				s->found.position = end;
				break;
			}
			if (octets[3] & 1) /* an atomic fragment (RFC 6946) is whole */
				s->found.fragment = 1;
		} else {
			break;
		}
		s->found.protocol = octets[0];
		s->found.position = position + length;
	}
	return 0;
}

/* Ends the reading of a header that does. */
INLINE int ends(struct found *found, __u32 octets, __u32 end, __u8 fault)
{
	found->octets = octets;
	found->protocol = NOTHING_FOLLOWS;
	found->position = end;
	found->fault = fault;
	return 1;
}

INLINE int ipv6(struct __sk_buff *skb, struct scratch *s, __u32 start, __u32 end, __u32 length, __u32 large)
{
	struct found *found = &s->found;
	__u8 first[8], next[2];
	__u32 octets, position = start + 40, stop = end + 1;
	int jumbo, fault;

	if (!read(skb, start, &first))
		return 0;
	octets = 40 + (first[4] << 8 | first[5]);
	/* A jumbogram says its length in the hop-by-hop header: RFC 2675. */
	jumbo = octets == 40;
	octets = (jumbo && large) || octets > length ? length : octets;
	found->protocol = first[6];
	if (first[6] == HOP_BY_HOP) {
		if (position + 2 <= end && read(skb, position, &next))
			stop = position + 8 + next[1] * 8;
		if (stop > end || (!jumbo && stop > start + octets))
			return ends(found, octets, end, TRUNCATED);
		fault = hop_by_hop(skb, position, stop - position);
		if (fault) {
			found->options = found->traces = found->overflow = found->jumbo = 0;
			found->fault = fault;
		}
		if (jumbo && !large) {
			__u64 said = 40ULL + found->jumbo;

			octets = said < length ? said : length;
			if (!fault && stop > start + octets) {
				found->options = found->traces = found->overflow = found->jumbo = 0;
				return ends(found, octets, end, TRUNCATED);
			}
		}
		found->protocol = next[0];
		position = stop;
	}
	found->octets = octets;
	found->position = position;
	switch (found->protocol) {
	case ROUTING:
	case FRAGMENT:
	case AUTHENTICATION:
	case DESTINATION:
		extensions(skb, end);
	}
	return 1;
}

INLINE int ipv4(struct __sk_buff *skb, struct found *found, __u32 start, __u32 end, __u32 length, __u32 large)
{
	__u8 first[12];
	__u32 octets, offset;

	if (!read(skb, start, &first))
		return 0;
	octets = first[2] << 8 | first[3];
	offset = first[6] << 8 | first[7];
	found->octets = (large && !octets) || octets > length ? length : octets;
	found->protocol = first[9];
	found->position = offset & 0x1fff ? end : start + (first[0] & 0x0f) * 4; /* only the first has a transport header */
	found->fragment = !!(offset & 0x3fff);
	return 1;
}

/* The headers of the IP packet frame[start:end], of which `length` octets are there, into scratch.found; 0: no IP. */
NOINLINE int header(struct __sk_buff *skb, __u32 start, __u32 end, __u32 length, __u32 large)
{
	struct scratch *s = scratch();
	__u8 version;

	if (!s || start >= end || !read(skb, start, &version))
		return 0;
	version >>= 4;
	if ((version != 6 || end - start < 40) && (version != 4 || end - start < 20))
		return 0;
	__builtin_memset(&s->found, 0, sizeof(s->found));
	s->found.start = start;
	if (version == 6)
		return ipv6(skb, s, start, end, length, large);
	return ipv4(skb, &s->found, start, end, length, large);
}

INLINE int to_gtpu(struct __sk_buff *skb, __u32 position, __u32 end)
{
	__u16 port;

	return position + 8 <= end && read(skb, position + 2, &port) && port == bpf_htons(GTPU_PORT);
}

#define SIGNALLING (-1)
#define FOREIGN (-2)
#define MALFORMED (-3)

/* Where the user's packet begins in the UDP payload frame[start:end], or one of the above: 3GPP TS 29.281, clause 5. */
NOINLINE int gtpu(struct __sk_buff *skb, __u32 start, __u32 end)
{
	struct scratch *s = scratch();
	__u32 position;
	__u8 octets[2], octet;

	if (!s || start + 8 > end || !read(skb, start, &octets))
		return MALFORMED;
	if (octets[0] >> 4 != 3)
		return FOREIGN;
	if (octets[1] != 255)
		return SIGNALLING;
	s->position = start + 8 + (octets[0] & 0x07 ? 4 : 0);
	/* The octet before, and the last of each extension header, says whether one more follows. */
	for (__u32 i = 0; i <= MAX_EXTENSIONS; i++) {
		barrier();
		position = s->position;
		if (position > end)
			return MALFORMED;
		if (!(octets[0] & 0x04))
			return position;
		if (!read(skb, position - 1, &octet))
			return MALFORMED;
		if (!octet)
			return position;
		if (position == end || !read(skb, position, &octet) || !octet)
			return MALFORMED;
		s->position = position + 4 * octet;
	}
	return MALFORMED;
}

/* Goes on to the packet to count inside tunnels, from the one in scratch.found; 0 where it is no user's. */
NOINLINE int inside(struct __sk_buff *skb, __u32 payload, __u32 end)
{
	struct scratch *s = scratch();
	struct found outer;
	int inner;

	if (!s)
		return 1;
	for (__u32 i = 0; i < MAX_TUNNELS; i++) {
		outer = s->found;
		if (outer.protocol == IPV6) {
			inner = outer.position;
		} else if (outer.protocol == UDP && to_gtpu(skb, outer.position, end)) {
			/* Of a large packet each piece has a payload elsewhere. */
			__u32 from = i ? outer.position + 8 : payload, stop = outer.start + outer.octets;

			inner = gtpu(skb, from, i == 0 && payload != outer.position + 8 ? end : stop < end ? stop : end);
			if (inner == MALFORMED)
				s->found.fault = GTPU_HEADER;
			if (inner == SIGNALLING)
				return 0;
			if (inner < 0)
				return 1;
		} else {
			return 1;
		}
		__u32 stop = i == 0 && payload != outer.position + 8 ? end : outer.start + outer.octets;

		if ((__u32)inner > stop || !header(skb, inner, end, stop - inner, 0)) {
			s->found = outer;
			return 1;
		}
		if (s->found.fragment || s->found.fault || s->found.traces)
			return 1;
	}
	return 1;
}
