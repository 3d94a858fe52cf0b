/* SPDX-License-Identifier: Apache-2.0 */
/* Adds a packet to the counts of its point and of its trace. */
#pragma once

#include "headers.h"

INLINE struct counts *counts_of(__u32 epoch_)
{
	__u32 index = settings.point * 2 + epoch_;

	return bpf_map_lookup_elem(&points, &index);
}

INLINE int listed(struct __sk_buff *skb, __u32 version, __u32 offset, __u32 octets)
{
	struct prefix prefix = {.bits = 32 + 8 * octets, .version = version};

	return !bpf_skb_load_bytes(skb, offset, prefix.address, octets) && bpf_map_lookup_elem(&prefixes, &prefix);
}

/* Whether the packet is signalling's or management's: joulepath.ioam.table.classify. Its headers end at `position`. */
NOINLINE int other(struct __sk_buff *skb, __u32 start, __u32 end, __s32 protocol, __u32 position)
{
	__u8 octet;

	if (settings.prefixes && read(skb, start, &octet)) {
		if (octet >> 4 == 6 ? listed(skb, 6, start + 8, 16) || listed(skb, 6, start + 24, 16)
				    : listed(skb, 4, start + 12, 4) || listed(skb, 4, start + 16, 4))
			return 1;
	}
	if (protocol < 0)
		return 0;
	if (protocol == ICMPV6) {
		/* Multicast listener discovery (RFC 2710, RFC 3810) and neighbour discovery (RFC 4861). */
		if (position >= end || !read(skb, position, &octet))
			return 0;
		return (octet >= 130 && octet <= 137) || octet == 143;
	}
	if (settings.protocols[bounded(protocol >> 6, 3)] >> (protocol & 63) & 1)
		return 1;
	if (settings.ports && (protocol == TCP || protocol == UDP || protocol == SCTP) && position + 4 <= end) {
		__u32 zero = 0;
		__u16 pair[2];
		struct ports *of = bpf_map_lookup_elem(&ports, &zero);

		if (!of || !read(skb, position, &pair))
			return 0;
		for (int i = 0; i < 2; i++) {
			__u32 port = bounded(bpf_ntohs(pair[i]), 0xffff);

			if (of->bits[port >> 6] >> (port & 63) & 1)
				return 1;
		}
	}
	return 0;
}

INLINE void add(struct count *count, __u32 packets, __u64 octets)
{
	count->packets += packets;
	count->octets += octets;
}

/* Whether one more entry may be made for a trace that nobody configured. */
INLINE int room(__u32 epoch_)
{
	__u64 *taken = bpf_map_lookup_elem(&strangers, &epoch_);

	if (!taken || *taken >= settings.strangers)
		return 0;
	__sync_fetch_and_add(taken, 1);
	return 1;
}

/* Where there is no room for a trace and its path: configured traces have a place, all others share one per namespace. */
INLINE void fold(struct own *place, struct trace *trace, __u32 epoch_, __u32 packets, __u64 octets)
{
	struct trace rest = {.point = settings.point, .namespace = trace->namespace};
	struct counts *counts = counts_of(epoch_);

	if (counts)
		counts->folded += packets;
	if (!place) {
		if (!(namespace(trace->namespace) & CONFIGURED)) {
			rest.namespace = 0;
			rest.stranger = 1;
		}
		place = bpf_map_lookup_elem(&own, &rest);
	}
	if (place)
		add(&place->at[epoch_], packets, octets);
}

/* Counts for the trace in key[0] in the maps of one epoch. Named maps, not a chosen one: so lookups are inlined. Where
 * another CPU has made the entry in between, the update writes this CPU's count alone, which is still 0. */
#define COUNT_TRACE(map, key_)                                                               \
	({                                                                                   \
		struct count *count = bpf_map_lookup_elem(&map, key_);                       \
		int counted = !!count;                                                       \
		if (count)                                                                   \
			add(count, packets, octets);                                         \
		else if (place || room(epoch_))                                              \
			counted = !bpf_map_update_elem(&map, key_, &first, BPF_ANY);         \
		counted;                                                                     \
	})

/* Good enough: who makes words collide makes packets slow, and no more. */
#define SLOT_OF(mixed) bounded(((mixed) * 0x9e3779b97f4a7c15ULL) >> 56, SLOTS - 1)

/* Counts in the trace's slot, if that is its own or nobody's; the slot's number from 1, or 0. */
INLINE int in_front(struct short_trace *key, __u32 epoch_, __u32 packets, __u64 octets)
{
	struct front *all = bpf_map_lookup_elem(&front, &epoch_);
	__u64 *mine = (__u64 *)key, *its, mixed, differs = 0;
	struct slot *slot;
	__u32 number;

	if (!all)
		return 0;
	mixed = mine[0] + mine[1] * 3 + mine[2] * 5 + mine[3] * 7 + (mine[4] + mine[5] + mine[6] + mine[7]) * 11;
	number = SLOT_OF(mixed);
	slot = &all->slots[number];
	its = (__u64 *)&slot->key;
	if (!slot->count.packets)
		slot->key = *key;
	else {
#pragma unroll
		for (int i = 0; i < 8; i++)
			differs |= mine[i] ^ its[i];
	}
	if (differs)
		return 0;
	add(&slot->count, packets, octets);
	return number + 1;
}

/* Counts for the trace in key[0]; the number of its slot in front from 1, 0 where it has none. */
NOINLINE int traced(struct __sk_buff *skb, __u32 packets, __u64 octets)
{
	struct count first = {.packets = packets, .octets = octets}, *count;
	struct scratch *s = scratch();
	struct short_trace *key;
	struct own *place;
	struct trace trace;
	__u32 epoch_, nodes_, slot;

	if (!s || !skb)
		return 0;
	key = &s->key[0];
	key->trace.point = settings.point;
	epoch_ = s->epoch & 1;
	nodes_ = key->trace.nodes;
	if (nodes_ <= SHORT_NODES && !s->high[0]) {
		slot = in_front(key, epoch_, packets, octets);
		if (slot)
			return slot;
		count = epoch_ ? bpf_map_lookup_elem(&traces_1, key) : bpf_map_lookup_elem(&traces_0, key);
		if (count) {
			add(count, packets, octets);
			return 0;
		}
	}
	trace = key->trace;
	trace.nodes = 0;
	place = bpf_map_lookup_elem(&own, &trace);
	if (nodes_ > SHORT_NODES || s->high[0]) {
		s->wide[0].trace = key->trace;
		for (__u32 i = 0; i < LONG_NODES; i++) {
			barrier();
			if (i >= key->trace.nodes)
				s->wide[0].nodes[i] = 0;
		}
		if (epoch_ ? COUNT_TRACE(long_traces_1, &s->wide[0]) : COUNT_TRACE(long_traces_0, &s->wide[0]))
			return 0;
	} else if (epoch_ ? COUNT_TRACE(traces_1, key) : COUNT_TRACE(traces_0, key)) {
		return 0;
	}
	fold(place, &trace, epoch_, packets, octets);
	return 0;
}
