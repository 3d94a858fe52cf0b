// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Gives the packets of chosen flows an IPv6 hop-by-hop header with an IOAM trace, where they leave an interface.
// A packet that cannot have one passes as it is, and is counted with the reason. program.py has the other side.

#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MAX_FLOWS 64
#define PLACES (2 * MAX_FLOWS) // so that all flows can be exchanged for others
#define MAX_HEADER 256
#define HOP_LIMIT_FROM_END 24 // the encapsulating node's Hop_Lim: encode.py
#define PASS -1               // TC_ACT_UNSPEC, TCX_NEXT: whoever else is attached goes on
#define DROP 2                // TC_ACT_SHOT, TCX_DROP

#define NEXT_HOP_BY_HOP 0
#define NEXT_ROUTING 43
#define NEXT_FRAGMENT 44
#define NEXT_DESTINATION 60
#define MAX_EXTENSIONS 4

#define PACKET_TOO_BIG 2 // ICMPv6 types: RFC 4443
#define ECHO_REQUEST 128
#define ECHO_REPLY 129

#define MIN_MTU 1280 // every IPv6 path carries this: RFC 8200, section 5
#define SECOND 1000000000ULL
#define APART __attribute__((noinline)) // not static: the verifier looks at it once, for any arguments
#define LEARNED_SECONDS 540 // less than the kernel's own 600 (net.ipv6.route.mtu_expires), so that it never asks twice
#define FIRST_SUSPICION 10  // seconds; each further one lasts twice as long
#define LOST_TIMEOUTS 2     // retransmission timeouts of TCP, without an answer in between, that make a suspicion

enum reason { NO_ID, HOP_BY_HOP, HIDDEN_PORTS, TOO_LONG, OVER_MTU, REFUSED, OVER_PATH, IPV4, PROTOCOL, REASONS };

enum flags {
	IN_CGROUP = 1,   // the sender's cgroup is below the one in `cgroups`
	ANY_ADDRESS = 2, // IPv4 packets can belong to it
	DROPS = 4,       // UDP datagrams that are too large for the trace do not pass
};

struct flow {
	__u32 source[4], source_mask[4];
	__u32 destination[4], destination_mask[4];
	__u8 protocol; // 0: all that are tagged
	__u8 flags;
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

// Two tables, one of which counts: a change is written into the other one, then `active` goes over in one word. The
// table before is still believed where a router quotes a packet (is_ours): its ids may have changed meanwhile.
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

// Destinations behind a link that is narrower than the first one.
struct path {
	__u32 mtu;
	__u32 length;    // of the header, where a Packet Too Big told the MTU; 0 where lost packets did
	__u32 suspicion; // seconds
	__u32 unused;
	__u64 expires; // CLOCK_MONOTONIC
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct in6_addr);
	__type(value, struct path);
} paths SEC(".maps");

// Ports that only the first fragment of a datagram shows.
struct datagram {
	struct in6_addr source, destination;
	__be32 id;
};

struct transport {
	__be16 source_port, destination_port;
	__u32 protocol;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct datagram);
	__type(value, struct transport);
} datagrams SEC(".maps");

// Sockets that a flow's sender uses and that were made in another cgroup. sockets.py fills it.
struct socket {
	__u64 id;   // the cookie; for the connections that a listening socket accepts, its cgroup
	__u32 port; // 0; theirs on this host
	__u32 unused;
};

struct places {
	__u64 words[PLACES / 64]; // one bit for each place
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct socket);
	__type(value, struct places);
} sockets SEC(".maps");

// How many entries `sockets` has.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} adopted SEC(".maps");

struct packet {
	struct ipv6hdr ip;
	__u32 table;     // the flows to choose from
	__u32 start;     // offset of the IP header
	__u32 transport; // offset of the transport header
	__be16 source_port, destination_port;
	__u8 protocol;
	__u8 ipv4, hop_by_hop, hidden_ports, unknown, fragment;
	__u8 padding[2];      // older verifiers ask that each octet has a value
	struct places places; // of the flows that use its socket although it was made in another cgroup
};

static __always_inline int has_ports(__u8 protocol)
{
	return protocol == IPPROTO_UDP || protocol == IPPROTO_TCP;
}

// These are tagged, and IPv4 in IPv6 (RFC 2473).
static __always_inline int is_known(__u8 protocol)
{
	return has_ports(protocol) || protocol == IPPROTO_IPIP;
}

// Fills in what the first fragment showed, or keeps it for those that follow.
static __always_inline void join(struct packet *packet, __be32 id, int first)
{
	struct datagram key = {.source = packet->ip.saddr, .destination = packet->ip.daddr, .id = id};

	if (first) {
		struct transport shown = {packet->source_port, packet->destination_port, packet->protocol};

		bpf_map_update_elem(&datagrams, &key, &shown, BPF_ANY);
		return;
	}
	struct transport *known = bpf_map_lookup_elem(&datagrams, &key);
	if (!known) {
		packet->hidden_ports = 1;
		return;
	}
	packet->source_port = known->source_port;
	packet->destination_port = known->destination_port;
	packet->protocol = known->protocol;
}

// Walks to the transport header; 0 where the packet belongs to no flow.
APART int parse_ipv6(struct __sk_buff *skb, struct packet *packet)
{
	__u32 offset, id = 0, place = 0;

	if (!packet)
		return 0;
	offset = packet->start;
	if (bpf_skb_load_bytes(skb, offset, &packet->ip, sizeof(packet->ip)))
		return 0;
	offset += sizeof(packet->ip);
	packet->protocol = packet->ip.nexthdr;
#pragma unroll
	for (int i = 0; i < MAX_EXTENSIONS; i++) {
		__u8 next = packet->protocol;
		struct {
			__u8 next, units;
			__be16 place; // of a fragment, in units of 8 octets above three other bits
			__be32 id;
		} head;

		if (next != NEXT_HOP_BY_HOP && next != NEXT_ROUTING && next != NEXT_FRAGMENT &&
		    next != NEXT_DESTINATION)
			break;
		if (bpf_skb_load_bytes(skb, offset, &head, sizeof(head)))
			return 0;
		packet->protocol = head.next;
		if (next == NEXT_HOP_BY_HOP)
			packet->hop_by_hop = 1;
		if (next == NEXT_FRAGMENT) {
			packet->fragment = 1;
			id = head.id;
			place = bpf_ntohs(head.place) & ~7;
			if (place)
				break; // data follow
		}
		offset += next == NEXT_FRAGMENT ? 8 : (head.units + 1) * 8;
	}
	if (place) {
		join(packet, id, 0);
		packet->unknown = !is_known(packet->protocol);
		return 1;
	}
	packet->transport = offset;
	if (!is_known(packet->protocol)) {
		__u8 type = ECHO_REQUEST;

		packet->unknown = 1;
		if (packet->protocol == IPPROTO_ICMPV6 && bpf_skb_load_bytes(skb, offset, &type, 1))
			return 0;
		// The others are the kernel's: errors, neighbours, groups.
		return type == ECHO_REQUEST || type == ECHO_REPLY;
	}
	if (has_ports(packet->protocol) && bpf_skb_load_bytes(skb, offset, &packet->source_port, 4))
		return 0;
	if (packet->fragment)
		join(packet, id, 1);
	return 1;
}

// As far as it takes to say that a flow has IPv4 packets, too.
APART int parse_ipv4(struct __sk_buff *skb, struct packet *packet)
{
	struct iphdr ip;

	if (!packet || bpf_skb_load_bytes(skb, packet->start, &ip, sizeof(ip)))
		return 0;
	packet->ipv4 = 1;
	packet->protocol = ip.protocol;
	packet->hidden_ports = !!(ip.frag_off & bpf_htons(0x1FFF));
	if (packet->hidden_ports || !has_ports(ip.protocol))
		return 1;
	return !bpf_skb_load_bytes(skb, packet->start + ip.ihl * 4, &packet->source_port, 4);
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
	if (!has_ports(packet->protocol) && (flow->source_port || flow->destination_port))
		return 0;
	if (!packet->hidden_ports) {
		if (flow->source_port && flow->source_port != packet->source_port)
			return 0;
		if (flow->destination_port && flow->destination_port != packet->destination_port)
			return 0;
	}
	if (packet->ipv4) {
		if (!(flow->flags & ANY_ADDRESS))
			return 0;
	} else {
		if (!within(&packet->ip.daddr, flow->destination, flow->destination_mask))
			return 0;
		if (!within(&packet->ip.saddr, flow->source, flow->source_mask))
			return 0;
	}
	if (!(flow->flags & IN_CGROUP))
		return 1;
	if (bpf_skb_under_cgroup(skb, &cgroups, flow->place) == 1)
		return 1;
	return (flow->place < 64 ? packet->places.words[0] : packet->places.words[1]) >> flow->place % 64 & 1;
}

// Finds out whether the packet's socket was made in another cgroup than its user's.
APART int adopt(struct __sk_buff *skb, struct packet *packet)
{
	struct socket key = {};
	struct places *found;

	if (!packet || !skb->sk)
		return 0;
	key.id = bpf_get_socket_cookie(skb);
	found = bpf_map_lookup_elem(&sockets, &key);
	if (!found && packet->protocol == IPPROTO_TCP) {
		key.id = bpf_skb_cgroup_id(skb);
		key.port = packet->source_port;
		found = bpf_map_lookup_elem(&sockets, &key);
	}
	if (found)
		packet->places = *found;
	return 0;
}

// The end of TCP's header here, or of UDP's.
static __always_inline __u32 end_of_transport(struct __sk_buff *skb, __u32 offset, __u8 protocol)
{
	__u8 words = 0;

	if (protocol != IPPROTO_TCP)
		return offset + 8;
	bpf_skb_load_bytes(skb, offset + 12, &words, 1);
	return offset + (words >> 4) * 4;
}

// The end of the headers of the IP packet here. 0 where it does not end with the large packet: then this is the
// payload of a datagram, which the kernel does not look into.
APART int end_of_inner(struct __sk_buff *skb, __u32 offset)
{
	struct ipv6hdr ip;
	struct iphdr *old = (void *)&ip;
	__u32 rest = skb->len - offset;

	if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)))
		return 0;
	if (ip.version == 6 && bpf_ntohs(ip.payload_len) + sizeof(ip) == rest)
		return end_of_transport(skb, offset + sizeof(ip), ip.nexthdr);
	if (ip.version == 4 && bpf_ntohs(old->tot_len) == rest)
		return end_of_transport(skb, offset + old->ihl * 4, old->protocol);
	return 0;
}

// Octets of all headers that each segment of a large packet repeats. In a tunnel these are the inner packet's as well.
APART int repeated(struct __sk_buff *skb, struct packet *packet)
{
	__u32 offset, end = 0;

	if (!packet)
		return 0;
	offset = packet->transport;
	if (packet->protocol == IPPROTO_IPIP) {
		end = end_of_inner(skb, offset);
	} else if (packet->protocol == IPPROTO_UDP) {
		end = end_of_inner(skb, offset + 8); // FOU
		if (!end)                            // VXLAN; Geneve without options
			end = end_of_inner(skb, offset + 8 + 8 + ETH_HLEN);
	}
	return (end ?: end_of_transport(skb, offset, packet->protocol)) - packet->start;
}

// TCP's retransmission timeouts since the last answer.
static __always_inline __u32 timeouts(struct __sk_buff *skb, const struct packet *packet)
{
	struct bpf_sock *sk = skb->sk;
	struct bpf_tcp_sock *tcp;

	if (packet->protocol != IPPROTO_TCP || !sk)
		return 0;
	tcp = bpf_tcp_sock(sk);
	return tcp ? tcp->icsk_retransmits : 0;
}

// Whether a packet of this size, tagged, is too large for a link further on.
//
// A router that says so is believed (learn). One that does not, or that is not heard, is found by TCP: after two
// timeouts the next attempt passes untagged, and for some time all packets of the size do. If that attempt is lost as
// well, the path is down: the suspicion ends, and further attempts pass tagged and untagged by turns.
APART int over_path(struct __sk_buff *skb, const struct packet *packet, __u32 size)
{
	struct path *known;
	__u32 lost;

	if (!packet || size <= MIN_MTU)
		return 0;
	lost = timeouts(skb, packet);
	struct in6_addr destination = packet->ip.daddr; // older verifiers want a map's key on the function's own stack
	known = bpf_map_lookup_elem(&paths, &destination);
	if (!known && lost < LOST_TIMEOUTS)
		return 0;
	__u64 now = bpf_ktime_get_ns();
	if (known && known->expires > now && size > known->mtu) {
		if (known->length || lost <= LOST_TIMEOUTS)
			return 1;
		known->expires = 0;
		known->suspicion = 0;
	}
	if (lost < LOST_TIMEOUTS)
		return 0;
	if (lost > LOST_TIMEOUTS)
		return (lost - LOST_TIMEOUTS) % 2 == 0;
	struct path made = {.mtu = size - 1, .suspicion = FIRST_SUSPICION};
	if (known && known->suspicion)
		made.suspicion = known->suspicion * 2;
	if (made.suspicion > LEARNED_SECONDS)
		made.suspicion = LEARNED_SECONDS;
	made.expires = now + made.suspicion * SECOND;
	bpf_map_update_elem(&paths, &destination, &made, BPF_ANY);
	return 1;
}

// Which table counts.
static __always_inline __u32 in_force(void)
{
	__u32 zero = 0;
	volatile __u32 *which = bpf_map_lookup_elem(&active, &zero);

	return which ? *which : 0;
}

// The first flow that the packet agrees with, MAX_FLOWS where no flow does.
APART int find(struct __sk_buff *skb, struct packet *packet)
{
	__u32 zero = 0;

	if (!packet)
		return MAX_FLOWS;
	__u32 index = packet->table;
	struct table *table = bpf_map_lookup_elem(&tables, &index);
	if (!table)
		return MAX_FLOWS;
	volatile __u32 *number = bpf_map_lookup_elem(&adopted, &zero);
	if (number && *number)
		adopt(skb, packet);
	for (__u32 i = 0; i < MAX_FLOWS; i++) {
		if (i >= table->flows)
			break;
		if (matches(skb, packet, &table->flow[i]))
			return i;
	}
	return MAX_FLOWS;
}

static __always_inline int tag(struct __sk_buff *skb, const __u32 start)
{
	struct packet packet = {.start = start};

	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		if (!parse_ipv6(skb, &packet))
			return PASS;
	} else if (skb->protocol != bpf_htons(ETH_P_IP) || !parse_ipv4(skb, &packet)) {
		return PASS;
	}
	__u32 index = in_force();
	packet.table = index;
	__u32 found = find(skb, &packet);
	struct table *table = bpf_map_lookup_elem(&tables, &index);
	if (!table || found >= MAX_FLOWS)
		return PASS;
	struct flow *flow = &table->flow[found];
	__u32 place = flow->place;
	struct counts *count = bpf_map_lookup_elem(&counts, &place);
	if (!count)
		return PASS;

	__u32 segments = skb->gso_segs ?: 1;
	__u32 octets = skb->len - start; // of the IP packet
	__u32 largest = octets, headers = 0, mtu = 0;
	__u32 length = flow->length;
	enum reason reason;

	if (packet.ipv4) {
		reason = IPV4;
		goto untagged;
	}
	if (packet.unknown) {
		reason = PROTOCOL;
		goto untagged;
	}
	if (skb->gso_size) {
		headers = repeated(skb, &packet);
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
		goto too_large;
	}
	if (over_path(skb, &packet, largest + length)) {
		reason = OVER_PATH;
		goto too_large;
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

too_large:
	// A sender that looks for the path's MTU itself (RFC 8899) takes the loss for an answer.
	if (flow->flags & DROPS && packet.protocol == IPPROTO_UDP && !packet.fragment && largest > MIN_MTU) {
		count->untagged[reason] += segments;
		return DROP;
	}
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

// The beginning of a Packet Too Big that quotes a tagged packet.
struct too_big {
	struct ipv6hdr ip;
	__u8 type, code;
	__be16 checksum;
	__be32 mtu;
	struct ipv6hdr quoted;
	__u8 next, units, padding[2];
	__u8 option, octets, reserved, kind; // RFC 9486, section 3
	__be16 ioam_namespace;
	__u8 lengths[2]; // nodes on the way change the second one
	__be32 trace_type;
};

// The end of the header: what the encapsulating node wrote. No node on the way changes it.
struct own {
	__be32 node; // and the hop limit, in the first octet
	__be32 schema;
	__u64 trace_id[2];
};

// Whether a flow's header is the one that a message quotes: only a witness of the packet knows its trace id.
static __always_inline int is_the_one(const struct flow *flow, const struct too_big *seen, const struct own *quoted)
{
	const __u32 option = offsetof(struct too_big, option) - offsetof(struct too_big, next);
	const struct too_big *header = (void *)flow->header - offsetof(struct too_big, next);
	__u32 length = flow->length;
	struct own own;

	if (length != (seen->units + 1) * 8 || length < 40 || length > MAX_HEADER)
		return 0;
	__builtin_memcpy(&own, flow->header + (length - HOP_LIMIT_FROM_END), sizeof(own));
	return flow->header[option] == seen->option && flow->header[option + 1] == seen->octets &&
	       flow->header[option + 3] == seen->kind && header->ioam_namespace == seen->ioam_namespace &&
	       header->trace_type == seen->trace_type && !((own.node ^ quoted->node) & bpf_htonl(0xFFFFFF)) &&
	       own.trace_id[0] == quoted->trace_id[0] && own.trace_id[1] == quoted->trace_id[1] &&
	       within(&seen->quoted.daddr, flow->destination, flow->destination_mask) &&
	       within(&seen->quoted.saddr, flow->source, flow->source_mask);
}

// Whether the tagger made the quoted packet's header.
APART int is_ours(struct __sk_buff *skb, __u32 start, const struct too_big *seen)
{
	struct own quoted;

	if (!seen || seen->quoted.nexthdr != NEXT_HOP_BY_HOP)
		return 0;
	if (bpf_skb_load_bytes(skb, start + offsetof(struct too_big, next) + (seen->units + 1) * 8 - HOP_LIMIT_FROM_END,
			       &quoted, sizeof(quoted)))
		return 0;
	for (__u32 which = 0; which < 2; which++) {
		__u32 index = which;
		struct table *table = bpf_map_lookup_elem(&tables, &index);

		if (!table)
			return 0;
		for (__u32 i = 0; i < MAX_FLOWS; i++) {
			if (i >= table->flows)
				break;
			if (is_the_one(&table->flow[i], seen, &quoted))
				return 1;
		}
	}
	return 0;
}

// Learns what a narrower link further on carries, and tells the sender as much less as the trace takes: it knows
// nothing of the trace and would otherwise send packets that are too large again (as RFC 2473, section 7.1).
static __always_inline int learn(struct __sk_buff *skb, const __u32 start)
{
	struct too_big seen;
	__u8 next;

	if (skb->protocol != bpf_htons(ETH_P_IPV6) ||
	    bpf_skb_load_bytes(skb, start + offsetof(struct ipv6hdr, nexthdr), &next, 1) || next != IPPROTO_ICMPV6)
		return PASS;
	if (bpf_skb_load_bytes(skb, start, &seen, sizeof(seen)) || seen.type != PACKET_TOO_BIG)
		return PASS;
	__u32 mtu = bpf_ntohl(seen.mtu);
	// RFC 8201, section 4: less than IPv6's minimum is not an MTU; and the quoted packet has to be larger.
	if (mtu < MIN_MTU || mtu >= bpf_ntohs(seen.quoted.payload_len) + sizeof(seen.quoted))
		return PASS;
	for (int i = 0; i < 4; i++)
		if (seen.ip.daddr.s6_addr32[i] != seen.quoted.saddr.s6_addr32[i])
			return PASS;
	struct path made = {.mtu = mtu}, *known = bpf_map_lookup_elem(&paths, &seen.quoted.daddr);
	if (is_ours(skb, start, &seen)) {
		made.length = (seen.units + 1) * 8;
		made.expires = bpf_ktime_get_ns() + LEARNED_SECONDS * SECOND;
		bpf_map_update_elem(&paths, &seen.quoted.daddr, &made, BPF_ANY);
	} else if (known) {
		// A packet without a trace to where others have one. Anyone could have written this, so nothing is learned;
		// whether the sender believes it, the kernel decides.
		made.length = known->length;
	}
	if (!made.length)
		return PASS;
	if (mtu < MIN_MTU + made.length)
		return PASS; // the sender cannot go below: large packets pass untagged
	__be32 less = bpf_htonl(mtu - made.length);
	bpf_skb_store_bytes(skb, start + offsetof(struct too_big, mtu), &less, sizeof(less), 0);
	bpf_l4_csum_replace(skb, start + offsetof(struct too_big, checksum), seen.mtu, less, sizeof(less));
	return PASS;
}

SEC("tc")
int learn_ethernet(struct __sk_buff *skb)
{
	return learn(skb, ETH_HLEN);
}

SEC("tc")
int learn_ip(struct __sk_buff *skb)
{
	return learn(skb, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
