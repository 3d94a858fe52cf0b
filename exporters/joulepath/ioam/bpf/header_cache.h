/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counts a packet without decoding its hop-by-hop header, if the same header came before in the epoch. */
#pragma once

#include "account.h"

/* Fields that differ from packet to packet: timestamps, transit delay, queue depth, checksum, buffer occupancy. */
#define VARYING_FIELDS 0x3b1000
#define SEQUENCE_NUMBER 0x40

/* Whether the first option has such a field, if it stands behind two octets of padding as Linux writes it. A cheap
 * guess that saves the comparison. */
INLINE int has_varying_field(struct scratch *s)
{
	__u32 option = s->header[4], type = header_u32(s, 12) >> 8;

	return (option == 0x31 && type & VARYING_FIELDS) || (option == 0x11 && s->header[11] & SEQUENCE_NUMBER);
}

/* Copies and hashes a header. Returns 0 if it is longer than CACHED_WORDS, or cut off. */
INLINE int copy_header(__u8 *header, void *end, __u32 length, __u64 *words, __u64 *hash)
{
	*hash = settings.point;
	if (length > 8 * CACHED_WORDS)
		return 0;
#pragma unroll
	for (int i = 0; i < CACHED_WORDS; i++) {
		if (i * 8 >= (int)length)
			break;
		if ((void *)header + i * 8 + 8 > end)
			return 0;
		words[i] = *(__u64 *)(header + i * 8);
		*hash += words[i] * (2 * i + 3);
	}
	return 1;
}

/* The entry for headers with this hash. */
INLINE struct cached_header *cached_header_for(__u64 hash, __u32 half)
{
	struct header_cache *all = bpf_map_lookup_elem(&header_cache, &half);

	return all ? &all->entries[SLOT_OF(hash)] : 0;
}

/* Counts for the header's trace, if the entry holds this header. The first word includes the header's length. */
INLINE int count_cached(struct cached_header *place, __u64 *words, __u32 length, __u64 hash, struct counts *counts,
			__u32 half, __u64 octets)
{
	__u64 differs = 0;
	struct trace_cache *all;

	if (place->hash != hash || place->point != settings.point)
		return 0;
#pragma unroll
	for (int i = 0; i < CACHED_WORDS; i++)
		if (i * 8 < (int)length)
			differs |= words[i] ^ place->header[i];
	if (differs)
		return 0;
	all = bpf_map_lookup_elem(&trace_cache, &half);
	if (!all)
		return 0;
	add(&all->slots[bounded(place->slot, SLOTS - 1)].count, 1, octets);
	counts->option_octets += place->options;
	counts->overflow_packets += place->overflow;
	return 1;
}

/* Puts the header into the entry, unless another one of this epoch is there. `listed`: the trace is configured. */
INLINE void cache_header(struct cached_header *place, __u64 *words, __u64 hash, __u32 slot, struct packet_info *info,
			 __u32 listed)
{
	if (place->header[0])
		return;
#pragma unroll
	for (int i = 0; i < CACHED_WORDS; i++)
		place->header[i] = words[i];
	place->hash = hash;
	place->point = settings.point;
	place->slot = slot;
	place->options = info->options;
	place->overflow = info->overflow;
	place->listed = listed;
}
