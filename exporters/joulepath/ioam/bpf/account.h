/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Adds a packet to the counts of its point and of its trace. */
#pragma once

#include "headers.h"

INLINE struct counts *counts_of(__u32 half)
{
	__u32 index = settings.point * 2 + half;

	return bpf_map_lookup_elem(&points, &index);
}

INLINE int is_listed(struct __sk_buff *skb, __u32 version, __u32 offset, __u32 octets)
{
	struct prefix prefix = {.bits = 32 + 8 * octets, .version = version};

	return !bpf_skb_load_bytes(skb, offset, prefix.address, octets) && bpf_map_lookup_elem(&prefixes, &prefix);
}

/* Whether the packet is signalling or management (joulepath.ioam.table.classify). Its headers end at `position`. */
NOINLINE int is_other(struct __sk_buff *skb, __u32 start, __u32 end, __s32 protocol, __u32 position)
{
	__u8 octet;

	if (settings.prefixes && read(skb, start, &octet)) {
		if (octet >> 4 == 6 ? is_listed(skb, 6, start + 8, 16) || is_listed(skb, 6, start + 24, 16)
				    : is_listed(skb, 4, start + 12, 4) || is_listed(skb, 4, start + 16, 4))
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
		struct ports *table = bpf_map_lookup_elem(&ports, &zero);

		if (!table || !read(skb, position, &pair))
			return 0;
		for (int i = 0; i < 2; i++) {
			__u32 port = bounded(bpf_ntohs(pair[i]), 0xffff);

			if (table->bits[port >> 6] >> (port & 63) & 1)
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

/* Reserves an entry for a trace that is not configured; 0 if none is left. */
INLINE int may_add_unlisted(__u32 half)
{
	__u64 *taken = bpf_map_lookup_elem(&unlisted_entries, &half);

	if (!taken || *taken >= settings.max_unlisted)
		return 0;
	__sync_fetch_and_add(taken, 1);
	return 1;
}

/* Counts a trace for which the maps of traces have no entry left: in the entry that is reserved for it if it is
 * configured, else in the one of its namespace. */
INLINE void count_without_path(struct reserved_count *place, struct trace *trace, __u32 half, __u32 packets,
			       __u64 octets)
{
	struct trace rest = {.point = settings.point, .namespace = trace->namespace};
	struct counts *counts = counts_of(half);

	if (counts)
		counts->folded += packets;
	if (!place) {
		if (!(namespace_flags(trace->namespace) & CONFIGURED)) {
			rest.namespace = 0;
			rest.unlisted = 1;
		}
		place = bpf_map_lookup_elem(&reserved_traces, &rest);
	}
	if (place)
		add(&place->by_half[half], packets, octets);
}

/* Counts for the trace in key[0] in a map. The map is named, not chosen at run time, so that the lookup is inlined. If
 * another CPU has added the entry in between, the update writes this CPU's count alone, which is still 0. */
#define COUNT_IN_MAP(map, key_)                                                      \
	({                                                                           \
		struct count *count = bpf_map_lookup_elem(&map, key_);               \
		int counted = !!count;                                               \
		if (count)                                                           \
			add(count, packets, octets);                                 \
		else if (place || may_add_unlisted(half))                            \
			counted = !bpf_map_update_elem(&map, key_, &first, BPF_ANY); \
		counted;                                                             \
	})

/* A weak hash is enough: a sender that makes headers collide only makes its packets slower to count. */
#define SLOT_OF(hash) bounded(((hash)*0x9e3779b97f4a7c15ULL) >> 56, SLOTS - 1)

/* Counts in the trace's slot if the slot is free or already this trace's. Returns the slot's number from 1, else 0. */
INLINE int count_in_trace_cache(struct short_trace *key, __u32 half, __u32 packets, __u64 octets)
{
	struct trace_cache *all = bpf_map_lookup_elem(&trace_cache, &half);
	__u64 *mine = (__u64 *)key, *its, hash, differs = 0;
	struct slot *slot;
	__u32 number;

	if (!all)
		return 0;
	hash = mine[0] + mine[1] * 3 + mine[2] * 5 + mine[3] * 7 + (mine[4] + mine[5] + mine[6] + mine[7]) * 11;
	number = SLOT_OF(hash);
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

/* Counts for the trace in key[0]. Returns the number of its slot in trace_cache from 1, 0 without one. */
NOINLINE int count_trace(struct __sk_buff *skb, __u32 packets, __u64 octets)
{
	struct count first = {.packets = packets, .octets = octets}, *count;
	struct scratch *s = scratch();
	struct short_trace *key;
	struct reserved_count *place;
	struct trace trace;
	__u32 half, nodes, slot;

	if (!s || !skb)
		return 0;
	key = &s->key[0];
	key->trace.point = settings.point;
	half = s->epoch & 1;
	nodes = key->trace.nodes;
	if (nodes <= SHORT_NODES && !s->high[0]) {
		slot = count_in_trace_cache(key, half, packets, octets);
		if (slot)
			return slot;
		count = half ? bpf_map_lookup_elem(&traces_1, key) : bpf_map_lookup_elem(&traces_0, key);
		if (count) {
			add(count, packets, octets);
			return 0;
		}
	}
	trace = key->trace;
	trace.nodes = 0;
	place = bpf_map_lookup_elem(&reserved_traces, &trace);
	if (nodes > SHORT_NODES || s->high[0]) {
		s->wide[0].trace = key->trace;
		for (__u32 i = 0; i < LONG_NODES; i++) {
			barrier();
			if (i >= key->trace.nodes)
				s->wide[0].nodes[i] = 0;
		}
		if (half ? COUNT_IN_MAP(long_traces_1, &s->wide[0]) : COUNT_IN_MAP(long_traces_0, &s->wide[0]))
			return 0;
	} else if (half ? COUNT_IN_MAP(traces_1, key) : COUNT_IN_MAP(traces_0, key)) {
		return 0;
	}
	count_without_path(place, &trace, half, packets, octets);
	return 0;
}
