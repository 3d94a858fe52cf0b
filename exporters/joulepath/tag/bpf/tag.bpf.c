// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Gives the packets of chosen flows an IPv6 hop-by-hop header with an IOAM trace, where they leave an interface.
// A packet that cannot have one passes as it is, and is counted with the reason. program.py has the other side.

#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MAX_FLOWS 64
#define PLACES (2 * MAX_FLOWS) // so that all flows can be exchanged for others
#define MAX_HEADER 256
#define HOP_LIMIT_FROM_END 24 // the encapsulating node's Hop_Lim: encode.py
#define PASS -1 // TC_ACT_UNSPEC, TCX_NEXT: whoever else is attached goes on
#define DROP 2  // TC_ACT_SHOT, TCX_DROP

#define NEXT_HOP_BY_HOP 0
#define NEXT_ROUTING 43
#define NEXT_FRAGMENT 44
#define NEXT_DESTINATION 60
#define MAX_EXTENSIONS 4

enum reason { NO_ID, HOP_BY_HOP, HIDDEN_PORTS, TOO_LONG, OVER_MTU, REFUSED, REASONS };

struct flow {
	__u32 source[4], source_mask[4];
	__u32 destination[4], destination_mask[4];
	__u8 protocol;  // 0: UDP and TCP
	__u8 in_cgroup; // the sender's cgroup is below the one in `cgroups`
	__be16 source_port, destination_port; // 0: any
	__u16 length;                         // of `header`; 0 while there is no id
	__u32 place;                          // in `counts` and `cgroups`
	__u8 header[MAX_HEADER];
};

struct table {
	__u32 flows;
	struct flow flow[MAX_FLOWS];
};

struct counts {
	__u64 packets, bytes, untagged[REASONS];
};

// Two tables, one of which counts: a change is written into the other one, then `active` goes over in one word.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct table);
} tables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} active SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, PLACES);
	__type(key, __u32);
	__type(value, __u32);
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PLACES);
	__type(key, __u32);
	__type(value, struct counts);
} counts SEC(".maps");

struct packet {
	struct ipv6hdr ip;
	__u32 transport; // offset of the UDP or TCP header
	__be16 source_port, destination_port;
	__u8 protocol;
	__u8 hop_by_hop, hidden_ports;
};

// Walks to UDP or TCP; 0 where something else is carried.
static __always_inline int parse(struct __sk_buff *skb, __u32 offset, struct packet *packet)
{
	if (bpf_skb_load_bytes(skb, offset, &packet->ip, sizeof(packet->ip)))
		return 0;
	offset += sizeof(packet->ip);
	packet->protocol = packet->ip.nexthdr;
#pragma unroll
	for (int i = 0; i < MAX_EXTENSIONS; i++) {
		__u8 next = packet->protocol;
		__u8 head[4];

		if (next != NEXT_HOP_BY_HOP && next != NEXT_ROUTING && next != NEXT_FRAGMENT && next != NEXT_DESTINATION)
			break;
		if (bpf_skb_load_bytes(skb, offset, head, sizeof(head)))
			return 0;
		if (next == NEXT_HOP_BY_HOP)
			packet->hop_by_hop = 1;
		if (next == NEXT_FRAGMENT)
			packet->hidden_ports = 1; // only the first fragment has them: all are treated alike
		offset += next == NEXT_FRAGMENT ? 8 : (head[1] + 1) * 8;
		packet->protocol = head[0];
	}
	if (packet->protocol != IPPROTO_UDP && packet->protocol != IPPROTO_TCP)
		return 0;
	packet->transport = offset;
	if (packet->hidden_ports)
		return 1;
	return !bpf_skb_load_bytes(skb, offset, &packet->source_port, 4);
}

static __always_inline int within(const struct in6_addr *address, const __u32 *prefix, const __u32 *mask)
{
	const __u32 *words = address->s6_addr32;

	return !(((words[0] ^ prefix[0]) & mask[0]) | ((words[1] ^ prefix[1]) & mask[1]) |
		 ((words[2] ^ prefix[2]) & mask[2]) | ((words[3] ^ prefix[3]) & mask[3]));
}

static __always_inline int matches(struct __sk_buff *skb, const struct packet *packet, const struct flow *flow)
{
	if (flow->protocol && flow->protocol != packet->protocol)
		return 0;
	if (!packet->hidden_ports) {
		if (flow->source_port && flow->source_port != packet->source_port)
			return 0;
		if (flow->destination_port && flow->destination_port != packet->destination_port)
			return 0;
	}
	if (!within(&packet->ip.daddr, flow->destination, flow->destination_mask))
		return 0;
	if (!within(&packet->ip.saddr, flow->source, flow->source_mask))
		return 0;
	return !flow->in_cgroup || bpf_skb_under_cgroup(skb, &cgroups, flow->place) == 1;
}

// Octets of all headers that each segment of a large packet repeats.
static __always_inline __u32 repeated(struct __sk_buff *skb, __u32 start, const struct packet *packet)
{
	__u8 words = 0;

	if (packet->protocol == IPPROTO_UDP)
		return packet->transport - start + 8;
	bpf_skb_load_bytes(skb, packet->transport + 12, &words, 1);
	return packet->transport - start + (words >> 4) * 4;
}

static __always_inline int tag(struct __sk_buff *skb, const __u32 start)
{
	struct packet packet = {};
	__u32 zero = 0, i;

	if (skb->protocol != bpf_htons(ETH_P_IPV6) || !parse(skb, start, &packet))
		return PASS;
	volatile __u32 *which = bpf_map_lookup_elem(&active, &zero);
	if (!which)
		return PASS;
	__u32 index = *which;
	struct table *table = bpf_map_lookup_elem(&tables, &index);
	if (!table)
		return PASS;
	struct flow *flow = 0;
	for (i = 0; i < MAX_FLOWS; i++) {
		if (i >= table->flows)
			return PASS;
		flow = &table->flow[i];
		if (matches(skb, &packet, flow))
			break;
	}
	if (i >= MAX_FLOWS)
		return PASS;
	__u32 place = flow->place;
	struct counts *count = bpf_map_lookup_elem(&counts, &place);
	if (!count)
		return PASS;

	__u32 segments = skb->gso_segs ?: 1;
	__u32 octets = skb->len - start; // of the IP packet
	__u32 largest = octets, headers = 0, mtu = 0;
	__u32 length = flow->length;
	enum reason reason;

	if (skb->gso_size) {
		headers = repeated(skb, start, &packet);
		largest = headers + skb->gso_size;
	}
	if (packet.hidden_ports && (flow->source_port || flow->destination_port)) {
		reason = HIDDEN_PORTS;
		goto untagged;
	}
	if (packet.hop_by_hop) {
		reason = HOP_BY_HOP;
		goto untagged;
	}
	if (length < 40 || length > MAX_HEADER) {
		reason = NO_ID;
		goto untagged;
	}
	if (octets - sizeof(packet.ip) + length > 0xFFFF) {
		reason = TOO_LONG;
		goto untagged;
	}
	if (bpf_check_mtu(skb, 0, &mtu, 0, 0) < 0 || largest + length > mtu) {
		reason = OVER_MTU;
		goto untagged;
	}
	// Without FIXED_GSO the kernel would cut TCP's segments anew, and refuses UDP's.
	if (bpf_skb_adjust_room(skb, length, BPF_ADJ_ROOM_NET, skb->gso_size ? BPF_F_ADJ_ROOM_FIXED_GSO : 0)) {
		reason = REFUSED;
		goto untagged;
	}
	__be16 payload = bpf_htons(octets - sizeof(packet.ip) + length);
	__u8 first = NEXT_HOP_BY_HOP;
	__u32 header = start + sizeof(packet.ip), less = length - 1;
	asm volatile("%0 &= 0xff" : "+r"(less)); // verifiers before Linux 6.12 have forgotten how long it may be
	if (bpf_skb_store_bytes(skb, header, flow->header, less + 1, 0) ||
	    bpf_skb_store_bytes(skb, header, &packet.ip.nexthdr, 1, 0) ||
	    bpf_skb_store_bytes(skb, header + length - HOP_LIMIT_FROM_END, &packet.ip.hop_limit, 1, 0) ||
	    bpf_skb_store_bytes(skb, start + offsetof(struct ipv6hdr, payload_len), &payload, 2, 0) ||
	    bpf_skb_store_bytes(skb, start + offsetof(struct ipv6hdr, nexthdr), &first, 1, 0))
		return DROP; // out of memory half-way: no packet that anyone could read
	count->packets += segments;
	count->bytes += octets + length + (segments - 1) * (headers + length);
	return PASS;

untagged:
	count->untagged[reason] += segments;
	return PASS;
}

SEC("tc")
int tag_ethernet(struct __sk_buff *skb)
{
	return tag(skb, ETH_HLEN);
}

// Links of bare IP: TUN, a modem's raw-ip interface.
SEC("tc")
int tag_ip(struct __sk_buff *skb)
{
	return tag(skb, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
