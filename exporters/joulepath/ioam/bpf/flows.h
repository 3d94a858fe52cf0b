/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Finds the flow of a packet and counts for it: joulepath.ioam.table.flows in C. */
#pragma once

#include "account.h"

/* The arguments of count_flow, two in one. */
#define FIELDS_OF(protocol, position) ((__u64)(protocol) << 32 | (__u32)(position))
#define OUTSIDE 2 /* beside the epoch: the packet is not in a tunnel, and its frame has no VLAN tag */
#define PACKETS_OF(packets, octets, epoch) ((__u64)(packets) << 34 | (__u64)(epoch) << 32 | (__u32)(octets))

/* Whether the configuration names the trace in key[0]. `slot` is that of the trace in trace_cache from 1, 0 without one:
 * the answer is remembered there, since a lookup by so long a key costs more than the rest of a flow. */
NOINLINE int is_configured_trace(struct __sk_buff *skb, __u32 slot)
{
	struct scratch *s = scratch();
	struct trace_cache *all = 0;
	struct trace trace;
	__u32 half, place = bounded(slot - 1, SLOTS - 1);
	int listed;

	if (!s || !skb)
		return 0;
	half = s->epoch & 1;
	if (slot) {
		all = bpf_map_lookup_elem(&trace_cache, &half);
		if (all && all->listed[place])
			return all->listed[place] - 1;
	}
	trace = s->key[0].trace;
	trace.point = 0;
	trace.nodes = 0;
	listed = !!bpf_map_lookup_elem(&configured_traces, &trace);
	if (all)
		all->listed[place] = 1 + listed;
	return listed;
}

/* Leaves the matches of the class. With `is_other`, its value is the destination's; a field without sides is either. */
NOINLINE int narrow(__u32 class, __u32 half, __u32 is_other)
{
	struct scratch *s = scratch();
	__u32 number = class + (half & 1) * MAX_CLASSES;
	struct flow_class *vectors;

	if (!class || !s)
		return 0;
	vectors = bpf_map_lookup_elem(&flow_classes, &number);
	if (!vectors)
		return 0;
#pragma unroll
	for (int i = 0; i < VECTOR_WORDS; i++) {
		s->sent_matches[i] &= is_other ? vectors->other[i] : vectors->user[i];
		s->got_matches[i] &= is_other ? vectors->user[i] : vectors->other[i];
	}
	return 0;
}

INLINE __u32 class_of_prefix(struct prefix *prefix, __u32 none, __u32 half)
{
	__u32 *class =
		half ? bpf_map_lookup_elem(&flow_prefixes_1, prefix) : bpf_map_lookup_elem(&flow_prefixes_0, prefix);

	return class ? *class : none;
}

/* Leaves the matches of the sender's cgroup and of all above it. */
NOINLINE int narrow_by_cgroup(struct __sk_buff *skb, __u32 none, __u32 half)
{
	struct scratch *s = scratch();
	__u32 number = none + (half & 1) * MAX_CLASSES, *class;
	struct flow_cgroup key = {.half = half & 1};
	struct flow_class *vectors;

	if (!s || !skb)
		return 0;
	vectors = bpf_map_lookup_elem(&flow_classes, &number);
	if (!vectors)
		return 0;
	__builtin_memcpy(s->cgroup_matches, vectors->user, sizeof(s->cgroup_matches));
	s->level = 0;
	for (__u32 i = 0; i < 32; i++) {
		barrier();
		key.id = bpf_skb_ancestor_cgroup_id(skb, s->level);
		s->level++;
		if (!key.id)
			break;
		class = bpf_map_lookup_elem(&flow_cgroups, &key);
		if (!class)
			continue;
		number = *class + (half & 1) * MAX_CLASSES;
		vectors = bpf_map_lookup_elem(&flow_classes, &number);
		if (!vectors)
			continue;
#pragma unroll
		for (int word = 0; word < VECTOR_WORDS; word++)
			s->cgroup_matches[word] |= vectors->user[word];
	}
#pragma unroll
	for (int i = 0; i < VECTOR_WORDS; i++) {
		s->sent_matches[i] &= s->cgroup_matches[i];
		s->got_matches[i] &= s->cgroup_matches[i];
	}
	return 0;
}

/* The number of the lowest bit that is set. */
INLINE __u32 first_bit(__u64 word)
{
	__u32 bit = 0;

	word &= -word;
	bit += word & 0xffffffff00000000ULL ? 32 : 0;
	bit += word & 0xffff0000ffff0000ULL ? 16 : 0;
	bit += word & 0xff00ff00ff00ff00ULL ? 8 : 0;
	bit += word & 0xf0f0f0f0f0f0f0f0ULL ? 4 : 0;
	bit += word & 0xccccccccccccccccULL ? 2 : 0;
	bit += word & 0xaaaaaaaaaaaaaaaaULL ? 1 : 0;
	return bit;
}

/* The parts of scratch.flow_key[4] and [5]: those of fields that no match uses are 0. */
#define KEY_PORTS(source, destination) ((__u64)(source) << 16 | (destination))
#define KEY_DSCP(dscp) ((__u64)(dscp) << 16)
#define KEY_QFI(qfi) ((__u64)(qfi) << 24)
#define KEY_IN_TUNNEL (1ULL << 32)
#define KEY_VLAN(vlan) ((__u64)(vlan) << 40)
#define KEY_VERSION(version) ((__u64)(version) << 56)
#define NO_PROTOCOL 0x100

/* The place of the flow of the packet with the fields in scratch.flow_key; NO_FLOW without one. */
NOINLINE int find_flow(struct __sk_buff *skb, __u32 half)
{
	struct scratch *s = scratch();
	struct flow_index *index;
	struct prefix prefix = {};
	__u64 ports, fields, matches;
	__u32 used, number = NO_FLOW;

	half &= 1;
	index = bpf_map_lookup_elem(&flow_indices, &half);
	if (!s || !index || !skb || !index->matches)
		return NO_FLOW;
	__builtin_memset(s->sent_matches, 0xff, sizeof(s->sent_matches));
	__builtin_memset(s->got_matches, 0xff, sizeof(s->got_matches));
	used = index->fields;
	ports = s->flow_key[4];
	fields = s->flow_key[5];
	if (used & PROTOCOL)
		narrow(fields & NO_PROTOCOL ? index->none_protocol : index->protocols[bounded(fields, 0xff)], half, 0);
	if (used & DSCP)
		narrow(index->dscps[bounded(fields >> 16, 0x3f)], half, 0);
	if (used & QFI) {
		number = fields >> 24 & 0xff;
		narrow(number ? index->qfis[bounded(number - 1, 0x3f)] : index->none_qfi, half, 0);
	}
	if (used & VLAN) {
		number = fields >> 40 & 0xfff;
		narrow(number ? index->vlans[bounded(number, 0xfff)] : index->none_vlan, half, 0);
	}
	if (used & PORT) {
		narrow(ports >> 16 & 0xffff, half, 0);
		narrow(ports & 0xffff, half, 1);
	}
	if (used & TEID) {
		if (fields >> 32 & 1) {
			prefix.bits = 64;
			prefix.version = TEID_PREFIX;
			*(__u32 *)prefix.address = bpf_htonl(ports >> 32);
			narrow(class_of_prefix(&prefix, index->none_teid, half), half, 0);
		} else {
			narrow(index->none_teid, half, 0);
		}
	}
	if (used & ADDRESS) {
		prefix.version = fields >> 56;
		if (prefix.version == 6) {
			prefix.bits = 32 + 128;
			__builtin_memcpy(prefix.address, &s->flow_key[0], 16);
			narrow(class_of_prefix(&prefix, index->none_address, half), half, 0);
			__builtin_memcpy(prefix.address, &s->flow_key[2], 16);
		} else {
			prefix.bits = 32 + 32;
			*(__u32 *)prefix.address = s->flow_key[0];
			narrow(class_of_prefix(&prefix, index->none_address, half), half, 0);
			*(__u32 *)prefix.address = s->flow_key[0] >> 32;
		}
		narrow(class_of_prefix(&prefix, index->none_address, half), half, 1);
	}
	if (used & CGROUP) {
		if (settings.sent && s->flow_key[6])
			narrow_by_cgroup(skb, index->none_cgroup, half);
		else
			narrow(index->none_cgroup, half, 0);
	}
	number = NO_FLOW;
	barrier();
#pragma unroll
	for (int i = VECTOR_WORDS - 1; i >= 0; i--) {
		matches = s->sent_matches[i] | s->got_matches[i];
		if (matches)
			number = 64 * i + first_bit(matches);
	}
	return number == NO_FLOW ? NO_FLOW : index->places[bounded(number, MAX_MATCHES - 1)];
}

/* Reads the version, the octet behind it and the addresses of the packet at `start`. Returns 0 if the frame ends before. */
INLINE int read_addresses(struct __sk_buff *skb, __u32 start, __u16 *first, __u64 *addresses)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	void *packet = data + bounded(start, 0x7fff);

	addresses[1] = addresses[2] = addresses[3] = 0;
	if (start < 0x7000 && packet + 40 <= end) {
		*first = bpf_ntohs(*(__u16 *)packet);
		if (*first >> 12 == 6) {
			__u64 *words = packet + 8;

			/* Not a copy: the compiler would take octet by octet. */
			addresses[0] = words[0];
			addresses[1] = words[1];
			addresses[2] = words[2];
			addresses[3] = words[3];
		} else {
			addresses[0] = *(__u64 *)(packet + 12);
		}
		return 1;
	}
	if (bpf_skb_load_bytes(skb, start, first, 2))
		return 0;
	*first = bpf_ntohs(*first);
	if (*first >> 12 == 6)
		return !bpf_skb_load_bytes(skb, start + 8, addresses, 32);
	return !bpf_skb_load_bytes(skb, start + 12, addresses, 8);
}

/* Reads both ports. Returns 0 if the frame ends before. */
INLINE int read_ports(struct __sk_buff *skb, __u32 position, __u32 *pair)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	void *ports = data + bounded(position, 0x7fff);

	if (position < 0x7000 && ports + 4 <= end)
		*pair = *(__u32 *)ports;
	else if (bpf_skb_load_bytes(skb, position, pair, 4))
		return 0;
	*pair = bpf_ntohl(*pair);
	return 1;
}

/* Counts the user's packet at `start` for its flow: `fields_of` of FIELDS_OF, `packets_of` of PACKETS_OF. */
NOINLINE int count_flow(struct __sk_buff *skb, __u32 start, __u64 fields_of, __u32 end, __u64 packets_of)
{
	__u32 half = turn.flows & 1, number, place, used, position = fields_of, pair, outside, vlan = 0;
	struct flow_index *index = bpf_map_lookup_elem(&flow_indices, &half);
	__s32 protocol = (__s32)(fields_of >> 32);
	__u64 key[FLOW_KEY_WORDS] = {}, differs = 0, hash = 0;
	struct flow_counts *counts;
	struct flow_slot *slot;
	struct scratch *s;
	__u16 first;

	if (!index || !skb || !read_addresses(skb, start, &first, key))
		return 0;
	used = index->fields;
	if (!(used & ADDRESS))
		key[0] = key[1] = key[2] = key[3] = 0;
	if (used & PORT) {
		if ((protocol == UDP || protocol == TCP || protocol == SCTP) && position + 4 <= end) {
			if (!read_ports(skb, position, &pair))
				return 0;
			key[4] = KEY_PORTS(index->ports[pair >> 16], index->ports[pair & 0xffff]);
		} else {
			key[4] = KEY_PORTS(index->none_port, index->none_port);
		}
	}
	key[5] = KEY_VERSION(first >> 12);
	if (used & DSCP)
		key[5] |= KEY_DSCP(first >> 12 == 6 ? first >> 6 & 0x3f : first >> 2 & 0x3f);
	if (used & PROTOCOL)
		key[5] |= protocol < 0 ? NO_PROTOCOL : protocol & 0xff;
	outside = packets_of >> 32 & OUTSIDE;
	if (!outside && used & (TEID | QFI | VLAN)) {
		s = scratch();
		if (!s)
			return 0;
		if (used & TEID && s->in_tunnel) {
			key[4] |= (__u64)s->teid << 32;
			key[5] |= KEY_IN_TUNNEL;
		}
		if (used & QFI)
			key[5] |= KEY_QFI(s->qfi);
		vlan = s->vlan;
	}
	if (used & VLAN) {
		/* The kernel has taken the outermost tag out of the frame. */
		if (!vlan && skb->vlan_present)
			vlan = skb->vlan_tci & 0xfff;
		key[5] |= KEY_VLAN(vlan);
	}
	if (settings.sent && used & CGROUP)
		key[6] = bpf_skb_cgroup_id(skb);
#pragma unroll
	for (int i = 0; i < FLOW_KEY_WORDS - 1; i++)
		hash += key[i] * (2 * i + 3);
	/* Packets received here have no sender's cgroup, and their last word is 0. */
	if (settings.sent)
		hash += key[FLOW_KEY_WORDS - 1] * 17;
	number = (hash * 0x9e3779b97f4a7c15ULL) >> (64 - FLOW_SLOT_BITS);
	slot = bpf_map_lookup_elem(&flow_cache, &number);
	if (!slot)
		return 0;
	differs = slot->generation ^ index->generation;
#pragma unroll
	for (int i = 0; i < FLOW_KEY_WORDS - 1; i++)
		differs |= slot->key[i] ^ key[i];
	if (settings.sent)
		differs |= slot->key[FLOW_KEY_WORDS - 1] ^ key[FLOW_KEY_WORDS - 1];
	if (differs) {
		s = scratch();
		if (!s)
			return 0;
		__builtin_memcpy(s->flow_key, key, sizeof(key));
		__builtin_memcpy(slot->key, key, sizeof(key));
		slot->generation = index->generation;
		slot->place = find_flow(skb, half);
	}
	place = slot->place;
	if (place >= MAX_PLACES)
		return 0;
	number = settings.point * 2 + (packets_of >> 32 & 1);
	counts = bpf_map_lookup_elem(&flow_counts, &number);
	if (counts)
		add(&counts->by_place[place], packets_of >> 34, (__u32)packets_of);
	return 0;
}
