/* SPDX-License-Identifier: Apache-2.0 */
/* Counts a packet whose hop-by-hop header has come before in the epoch, without decoding it again. */
#pragma once

#include "account.h"

/* Fields that differ from packet to packet: timestamps, transit delay, queue depth, checksum, buffer occupancy. */
#define VARYING_FIELDS 0x3b1000
#define SEQUENCE_NUMBER 0x40

/* Whether the first option, behind two octets of padding as Linux writes it, has such a field: a guess that costs little
 * and spares the comparison. */
INLINE int varies(struct scratch *s)
{
	__u32 option = s->header[4], type = word(s, 12) >> 8;

	return (option == 0x31 && type & VARYING_FIELDS) || (option == 0x11 && s->header[11] & SEQUENCE_NUMBER);
}

/* Copies a header, and says by its words where it has its place; 0 where it is longer than SAME_WORDS or cut off. */
INLINE int copied(__u8 *header, void *end, __u32 length, __u64 *words, __u64 *mixed)
{
	*mixed = settings.point;
	if (length > 8 * SAME_WORDS)
		return 0;
#pragma unroll
	for (int i = 0; i < SAME_WORDS; i++) {
		if (i * 8 >= (int)length)
			break;
		if ((void *)header + i * 8 + 8 > end)
			return 0;
		words[i] = *(__u64 *)(header + i * 8);
		*mixed += words[i] * (2 * i + 3);
	}
	return 1;
}

/* Where such a header has its place in the epoch. */
INLINE struct same *same_place(__u64 mixed, __u32 epoch_)
{
	struct sames *all = bpf_map_lookup_elem(&same, &epoch_);

	return all ? &all->of[SLOT_OF(mixed)] : 0;
}

/* Counts for the header's trace, if the place is that header's. Its first word says how long it is. */
INLINE int counted_as_before(struct same *place, __u64 *words, __u32 length, __u64 mixed, struct counts *counts,
			     __u32 epoch_, __u64 octets)
{
	__u64 differs = 0;
	struct front *all;

	if (place->mixed != mixed || place->point != settings.point)
		return 0;
#pragma unroll
	for (int i = 0; i < SAME_WORDS; i++)
		if (i * 8 < (int)length)
			differs |= words[i] ^ place->header[i];
	if (differs)
		return 0;
	all = bpf_map_lookup_elem(&front, &epoch_);
	if (!all)
		return 0;
	add(&all->slots[bounded(place->slot, SLOTS - 1)].count, 1, octets);
	counts->option_octets += place->options;
	counts->overflow_packets += place->overflow;
	return 1;
}

/* The first header of an epoch that falls on a place has it. */
INLINE void remember(struct same *place, __u64 *words, __u64 mixed, __u32 slot, struct found *found)
{
	if (place->header[0])
		return;
#pragma unroll
	for (int i = 0; i < SAME_WORDS; i++)
		place->header[i] = words[i];
	place->mixed = mixed;
	place->point = settings.point;
	place->slot = slot;
	place->options = found->options;
	place->overflow = found->overflow;
}
