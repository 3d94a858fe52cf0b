/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Decodes IOAM options as joulepath.ioam.wire.decode and .trace do, with the same faults in the same order. */
#pragma once

#include "state.h"

#define PRE_ALLOCATED 0
#define INCREMENTAL 1
#define DIRECT_EXPORT 4

#define ALL_ONES_32 0xffffffffU
#define ALL_ONES_56 0xffffffffffffffULL
#define ALL_ONES_64 0xffffffffffffffffULL

/* Number of set bits of a 24-bit word. */
INLINE __u32 popcount24(__u32 x)
{
	x = (x & 0x555555) + (x >> 1 & 0x555555);
	x = (x & 0x333333) + (x >> 2 & 0x333333);
	x = (x & 0x0f0f0f) + (x >> 4 & 0x0f0f0f);
	return (x + (x >> 8) + (x >> 16)) & 0x1f;
}

INLINE __u8 *header_at(struct scratch *s, __u32 position)
{
	return s->header + bounded(position, HEADER_OCTETS - 1);
}

INLINE __u32 header_u32(struct scratch *s, __u32 position)
{
	return bpf_ntohl(*(__u32 *)header_at(s, position));
}

INLINE __u64 header_u64(struct scratch *s, __u32 position)
{
	return bpf_be64_to_cpu(*(__u64 *)header_at(s, position));
}

/* Keeps the leading octets of the id that its namespace asks for: joulepath.ioam.table.admission.Admission.label. */
INLINE void truncate_id(struct trace *trace, __u8 flags)
{
	__u32 octets = flags & ID_OCTETS;
	__u64 *id = trace->id;

	if (!(flags & CONFIGURED) || octets >= 16)
		return;
	if (trace->id_octets < octets)
		octets = 0;
	trace->id_octets = octets;
	if (octets <= 8) {
		id[0] &= octets ? bpf_cpu_to_be64(ALL_ONES_64 << (64 - 8 * octets)) : 0;
		id[1] = 0;
	} else {
		id[1] &= bpf_cpu_to_be64(ALL_ONES_64 << (128 - 8 * octets));
	}
}

/* Reads the nodes' data from `position` to `end`: `octets` each, and a snapshot. */
INLINE enum fault read_nodes(struct scratch *s, __u32 slot, __u32 type, __u32 position, __u32 end, __u32 octets)
{
	struct short_trace *key = &s->key[slot];
	__u32 filled = (end - position) >> 2;

	/* The most frequent case: a few short ids, all populated, and nothing else. */
	if (type == 0x800000 && filled && filled <= SHORT_NODES && settings.paths) {
		__u32 *ids = (__u32 *)header_at(s, position), unpopulated = 0;

#pragma unroll
		for (int i = 0; i < SHORT_NODES; i++) {
			if (i < (int)filled) {
				__u32 id = bpf_ntohl(ids[i]) & 0xffffff;

				unpopulated |= id == 0xffffff;
				key->nodes[i] = id;
			}
		}
		if (!unpopulated) {
			s->count = filled;
			s->high[slot] = 0;
			s->last = end - 4;
			return SOUND;
		}
		__builtin_memset(key->nodes, 0, sizeof(key->nodes));
	}
	s->type = type;
	s->wide_id = 4 * popcount24(type >> 16);
	s->end = end;
	s->octets = octets;
	s->node = position;
	s->last = ALL_ONES_32;
	s->count = 0;
	s->high[slot] = 0;
	for (__u32 i = 0; i < 64; i++) {
		__u32 from, to, count;
		__u64 id = ALL_ONES_64;

		barrier();
		from = s->node;
		end = s->end;
		if (from >= end)
			break;
		s->last = from;
		to = from + s->octets;
		type = s->type;
		if (type & 2) {
			if (to >= end)
				return NODE_DATA;
			to += 4 + 4 * *header_at(s, to);
		}
		if (to > end)
			return NODE_DATA;
		s->node = to;
		if (!settings.paths)
			continue;
		/* The short id where the node says one, else the wide one. Both stand behind an octet of Hop_Lim. */
		if (type & 0x800000) {
			id = header_u32(s, from) & 0xffffff;
			if (id == 0xffffff)
				id = ALL_ONES_64;
		}
		if (id == ALL_ONES_64 && type & 0x8000) {
			id = header_u64(s, from + s->wide_id) & ALL_ONES_56;
			if (id == ALL_ONES_56)
				id = ALL_ONES_64;
		}
		if (id == ALL_ONES_64)
			continue;
		barrier();
		count = s->count;
		s->count = count + 1;
		if (count < LONG_NODES)
			s->wide[slot].nodes[count] = id;
		s->high[slot] |= id >> 32;
		if (count < SHORT_NODES)
			key->nodes[count] = id;
	}
	return SOUND;
}

/* Reads the id from the data of the encapsulating node, the last of the list. */
INLINE void read_trace_id(struct scratch *s, struct trace *trace, __u32 type, __u32 octets)
{
	__u64 *id = trace->id;
	__u32 position, length;

	barrier();
	if (s->last == ALL_ONES_32)
		return;
	if (type & 2) {
		position = s->last + octets + 4;
		length = 4 * *header_at(s, position - 4);
		if (length) {
			id[0] = *(__u64 *)header_at(s, position);
			if (length >= 12)
				id[1] = *(__u64 *)header_at(s, position + 8);
			if (length == 4)
				id[0] &= bpf_cpu_to_be64(0xffffffff00000000ULL);
			if (length == 12)
				id[1] &= bpf_cpu_to_be64(0xffffffff00000000ULL);
			trace->id_octets = length < 16 ? length : 16;
			return;
		}
	}
	if (type & 0x2000) {
		position = s->last + 4 * popcount24(type >> 16) + 8 * popcount24(type >> 14 & 3);
		if (header_u64(s, position) != ALL_ONES_64) {
			id[0] = *(__u64 *)header_at(s, position);
			trace->id_octets = 8;
		}
	}
}

/* Reads a trace option with the data header[start:end] into key[slot]. */
INLINE enum fault read_trace_option(struct scratch *s, __u32 slot, __u32 start, __u32 end, __u32 kind)
{
	struct short_trace *key = &s->key[slot];
	__u64 *id = key->trace.id;
	__u32 lengths, type, octets, position, free, fault;
	__u8 flags;

	if (end - start < 8 || (end - start) & 3)
		return OPTION_LENGTH;
	lengths = header_u32(s, start);
	type = header_u32(s, start + 4) >> 8 & ~1U;
	__builtin_memset(key, 0, sizeof(*key));
	key->trace.namespace = lengths >> 16;
	flags = namespace_flags(lengths >> 16);
	if (kind == DIRECT_EXPORT) {
		__u32 extensions = lengths & 0xff;

		position = start + 8;
		if (position + 4 * popcount24(extensions) > end)
			return OPTION_LENGTH;
		if (extensions & 0x80) {
			*(__u32 *)id = *(__u32 *)header_at(s, position);
			key->trace.id_octets = 4;
		}
		s->count = 0;
		s->high[slot] = 0;
	} else {
		if (!type)
			return TRACE_TYPE;
		octets = type == 0x800000 ? 4 : 4 * (popcount24(type & ~3U) + popcount24(type & 0x00e000));
		if ((lengths >> 11 & 0x1f) * 4 != octets)
			return NODE_LENGTH;
		s->info.overflow = lengths >> 10 & 1;
		s->info.active |= lengths >> 8 & 1;
		position = start + 8;
		free = (lengths & 0x7f) * 4;
		if (kind == PRE_ALLOCATED) {
			if (flags & CROSS_LAYER) {
				position += 24;
				if (position > end)
					return OPTION_LENGTH;
				id[0] = *(__u64 *)header_at(s, start + 8);
				id[1] = *(__u64 *)header_at(s, start + 16);
				key->trace.id_octets = id[0] | id[1] ? 16 : 0;
			}
			position += free;
			if (position > end)
				return REMAINING_LENGTH;
		}
		fault = read_nodes(s, slot, type, position, end, octets);
		if (fault)
			return fault;
		if (!(flags & CROSS_LAYER) || kind != PRE_ALLOCATED)
			read_trace_id(s, &key->trace, type, octets);
	}
	key->trace.nodes = s->count;
	truncate_id(&key->trace, flags);
	s->configured = flags & CONFIGURED;
	return SOUND;
}

/* Reads the option header[position:stop] of type 0x31 or 0x11. Leaves the trace to count in key[0]. */
NOINLINE int read_ioam_option(struct __sk_buff *skb, __u32 position, __u32 stop)
{
	struct scratch *s = scratch();
	__u32 kind, fault, slot, overflow;

	if (!s || !skb)
		return OPTION_LENGTH;
	if (stop - position < 4)
		return OPTION_LENGTH;
	s->info.options += stop - position;
	kind = *header_at(s, position + 3);
	if (kind != PRE_ALLOCATED && kind != INCREMENTAL && kind != DIRECT_EXPORT)
		return SOUND;
	slot = s->info.traces;
	overflow = s->info.overflow;
	s->info.overflow = 0;
	fault = read_trace_option(s, slot ? 1 : 0, position + 4, stop, kind);
	if (fault)
		return fault;
	s->info.traces = 1;
	barrier();
	if (!slot) {
		s->known = s->configured;
		s->seen_count = 1;
		s->seen[0] = kind << 16 | s->key[0].trace.namespace;
		return SOUND;
	}
	/* A repeated namespace is a fault only if the rest of the header is sound. */
	__u32 mine = kind << 16 | s->key[1].trace.namespace, count = s->seen_count;
	for (__u32 i = 0; i < 32; i++) {
		if (i >= count)
			break;
		if (s->seen[i] == mine)
			s->info.fault = REPEATED_NAMESPACE;
	}
	s->seen[bounded(count, 0x1f)] = mine;
	s->seen_count = count < 31 ? count + 1 : 31;
	if (!s->known && s->configured) {
		s->known = 1;
		s->key[0] = s->key[1];
		s->high[0] = s->high[1];
		s->wide[0] = s->wide[1];
	} else {
		s->info.overflow = overflow;
	}
	return SOUND;
}

/* Reads the options of the hop-by-hop header of `length` octets in scratch.header. */
NOINLINE int read_options(struct __sk_buff *skb, __u32 length)
{
	struct scratch *s = scratch();
	__u32 position, stop, option;
	int fault;

	if (!s || !skb)
		return OPTION_OVERRUN;
	/* Linux puts two octets of padding before its option. */
	s->position = *(__u16 *)(s->header + 2) == bpf_htons(0x0100) ? 4 : 2;
	s->length = length;
	for (__u32 i = 0; i < HEADER_OCTETS; i++) {
		barrier();
		length = s->length;
		position = s->position;
		if (position >= length)
			break;
		option = *header_at(s, position);
		if (option == 0) {
			s->position = position + 1;
			continue;
		}
		if (position + 1 >= length)
			return OPTION_OVERRUN;
		stop = position + 2 + *header_at(s, position + 1);
		if (stop > length)
			return OPTION_OVERRUN;
		s->position = stop;
		if (option == 0x31 || option == 0x11) {
			fault = read_ioam_option(skb, position, stop);
			if (fault)
				return fault;
		} else if (option == 0xc2 && stop - position == 6) {
			s->info.jumbo = header_u32(s, position + 2);
		}
	}
	barrier();
	return s->info.fault;
}

/* Reads the hop-by-hop header of `length` octets at `offset`. */
INLINE int read_hop_by_hop(struct __sk_buff *skb, __u32 offset, __u32 length)
{
	struct scratch *s = scratch();

	if (!s || length < 8 || length > HEADER_OCTETS)
		return OPTION_OVERRUN;
	length = bounded(length - 8, HEADER_OCTETS - 1) +
		 8; /* no change of the value, but older verifiers need the bound */
	if (bpf_skb_load_bytes(skb, offset, s->header, length))
		return OPTION_OVERRUN;
	return read_options(skb, length);
}
