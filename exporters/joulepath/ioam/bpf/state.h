/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The state shared with joulepath.ioam.bpf: settings, counts, traces. layout.py mirrors the structures. */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
/* Keeps the compiler from moving memory accesses over this point, and the verifier from knowing what is in memory. */
#define barrier() asm volatile("" ::: "memory")
/* A mask that the compiler does not remove: it bounds an index for the verifier. */
#define bounded(x, mask)                                         \
	({                                                       \
		__u32 _x = (x);                                  \
		asm volatile("%0 &= %1" : "+r"(_x) : "i"(mask)); \
		_x;                                              \
	})

#define SHORT_NODES 10
#define LONG_NODES 61      /* the most in one option; Linux before 5.11 refuses longer keys */
#define HEADER_OCTETS 2048 /* of the longest hop-by-hop header; a power of two */

/* In the order of joulepath.ioam.wire.reasons.REASONS, from 1. */
enum fault {
	SOUND,
	TRACE_TYPE,
	NODE_LENGTH,
	REMAINING_LENGTH,
	NODE_DATA,
	OPTION_LENGTH,
	OPTION_OVERRUN,
	REPEATED_NAMESPACE,
	TRUNCATED,
	GTPU_HEADER,
	IP_HEADER,
};

/* In the order of joulepath.ioam.wire.reasons.SKIPPED, from 1. */
enum skipped {
	NOT_IP = 1,
	MPLS,
	PPPOE,
	MACSEC,
	BACKBONE,
	VLAN_TAGS,
};

/* Set before loading, so that the verifier removes what a point does not need. */
struct settings {
	__u32 point;
	__u8 link_octets;
	__u8 paths;
	__u8 prefixes;
	__u8 ports;
	__u64 max_unlisted; /* entries that traces which are not configured may take */
	__u64 protocols[4];
	__u8 flows; /* whether there are flows, or may be */
	__u8 sent;  /* packets sent here have a sender's cgroup */
	__u8 unused[6];
};
const volatile struct settings settings = {};

struct turn {
	__u32 epoch; /* which half of all counts is written; the other half is read and emptied meanwhile */
	__u32 flows; /* which half of the tables of flows is read; the other half is written meanwhile */
};
volatile struct turn turn = {};

struct count {
	__u64 packets;
	__u64 octets;
};

struct counts {
	struct count user;
	struct count other;
	__u64 overflow_packets;
	__u64 option_octets;
	__u64 fragments;
	__u64 jumbograms;
	__u64 folded; /* packets counted in `reserved_traces`, as the maps of traces were full */
	__u64 faults[16];
	__u64 skipped[8]; /* frames */
};

struct trace {
	__u16 point;
	__u16 namespace;
	__u8 id_octets; /* 0 without an id */
	__u8 nodes;
	__u8 unlisted; /* `reserved_traces` only: all namespaces that are not configured */
	__u8 unused;
	__u64 id[2]; /* in the order of the wire */
};

struct short_trace {
	struct trace trace;
	__u32 nodes[SHORT_NODES];
};

struct long_trace {
	struct trace trace;
	__u64 nodes[LONG_NODES];
};

#define MAP(name, kind, k, v, entries)             \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_##kind); \
		__type(key, k);                    \
		__type(value, v);                  \
		__uint(max_entries, entries);      \
	} name SEC(".maps")

/* Sizes are set before loading. By point and epoch: */
MAP(points, PERCPU_ARRAY, __u32, struct counts, 2);
/* Traces of an epoch with their paths, while entries are left. */
MAP(traces_0, PERCPU_HASH, struct short_trace, struct count, 1);
MAP(traces_1, PERCPU_HASH, struct short_trace, struct count, 1);
MAP(long_traces_0, PERCPU_HASH, struct long_trace, struct count, 1);
MAP(long_traces_1, PERCPU_HASH, struct long_trace, struct count, 1);
/* Spares the most frequent traces the lookup by a key of 64 octets. The first trace of an epoch takes a slot. */
#define SLOTS 256
struct slot {
	struct short_trace key;
	struct count count;
};
struct trace_cache {
	struct slot slots[SLOTS];
	__u8 listed[SLOTS]; /* 0 until it was asked, then 1 more than whether the slot's trace is configured */
};
MAP(trace_cache, PERCPU_ARRAY, __u32, struct trace_cache, 2);
/* Hop-by-hop headers of an epoch, with their trace's slot: all packets of a flow have the same, unless nodes write the
 * time. */
#define CACHED_WORDS 10
struct cached_header {
	__u64 header[CACHED_WORDS]; /* all zeros: free */
	__u64 hash;
	__u32 point;
	__u32 slot;
	__u32 options; /* octets of IOAM options */
	__u16 overflow;
	__u16 listed; /* the trace is configured */
};
struct header_cache {
	struct cached_header entries[SLOTS];
};
MAP(header_cache, PERCPU_ARRAY, __u32, struct header_cache, 2);
/* An entry for each configured trace, for each configured namespace and for all else: other traces cannot take it. */
struct reserved_count {
	struct count by_half[2];
};
MAP(reserved_traces, PERCPU_HASH, struct trace, struct reserved_count, 1);
/* Entries of an epoch that traces which are not configured have taken. */
MAP(unlisted_entries, ARRAY, __u32, __u64, 2);

/* Not read by the program. The kernel answers a write to a map of maps when no program runs that has seen it before. */
struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 2);
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__type(key, __u32);
	__uint(max_entries, 1);
	__array(values, struct inner);
} barrier_map SEC(".maps");

#define CONFIGURED 0x80 /* beside the number of leading octets of an id that count, 0 to 16 */
#define CROSS_LAYER 0x40
#define ID_OCTETS 0x1f
struct namespaces {
	__u8 flags[1 << 16];
};
MAP(namespaces, ARRAY, __u32, struct namespaces, 1);

struct prefix {
	__u32 bits; /* 32 more than the prefix has */
	__u32 version;
	__u8 address[16];
};
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__type(key, struct prefix);
	__type(value, __u8);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} prefixes SEC(".maps");

struct ports {
	__u64 bits[1 << 10];
};
MAP(ports, ARRAY, __u32, struct ports, 1);

/* Traces that the configuration names, at point 0 and without nodes. */
MAP(configured_traces, HASH, struct trace, __u8, 1);

#define MAX_MATCHES 512 /* of all flows; 64 for each word of a vector */
#define VECTOR_WORDS 8
#define MAX_CLASSES 8192
#define MAX_PLACES 1024 /* of flows, those included that have just left */
#define NO_FLOW 0xffffffffU

/* The matches that a value of a field fits, on the user's side and on the other end's: joulepath.ioam.table.vectors. */
struct flow_class {
	__u64 user[VECTOR_WORDS];
	__u64 other[VECTOR_WORDS];
};
MAP(flow_classes, ARRAY, __u32, struct flow_class, 1);

enum flow_field {
	ADDRESS = 1,
	PORT = 2,
	PROTOCOL = 4,
	DSCP = 8,
	VLAN = 16,
	TEID = 32,
	QFI = 64,
	CGROUP = 128,
};

/* The classes of values; `none` is that of packets without the field, and of values that no match names. */
struct flow_index {
	__u32 generation; /* differs from that of all tables before; never 0 */
	__u32 fields;     /* those that a match uses */
	__u16 none_address;
	__u16 none_port;
	__u16 none_protocol;
	__u16 none_vlan;
	__u16 none_teid;
	__u16 none_qfi;
	__u16 none_cgroup;
	__u16 matches;             /* how many there are */
	__u16 places[MAX_MATCHES]; /* of the flow of each match */
	__u16 protocols[256];
	__u16 dscps[64];
	__u16 qfis[64];
	__u16 vlans[4096];
	__u16 ports[65536];
};
MAP(flow_indices, ARRAY, __u32, struct flow_index, 1);

/* Addresses, and TEIDs as `version` TEID_PREFIX, by half; each value is a class. */
#define TEID_PREFIX 1
#define FLOW_PREFIXES(name)                           \
	struct {                                      \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);  \
		__type(key, struct prefix);           \
		__type(value, __u32);                 \
		__uint(max_entries, 1);               \
		__uint(map_flags, BPF_F_NO_PREALLOC); \
	} name SEC(".maps")
FLOW_PREFIXES(flow_prefixes_0);
FLOW_PREFIXES(flow_prefixes_1);

struct flow_cgroup {
	__u64 id;
	__u64 half;
};
MAP(flow_cgroups, HASH, struct flow_cgroup, __u32, 1);

/* The flow of packets that came before, by their fields; only those that a match uses are in the key. */
#define FLOW_KEY_WORDS 7
#define FLOW_SLOT_BITS 12
struct flow_slot {
	__u64 key[FLOW_KEY_WORDS];
	__u32 generation;
	__u32 place;
};
MAP(flow_cache, PERCPU_ARRAY, __u32, struct flow_slot, 1);

/* By point and epoch. */
struct flow_counts {
	struct count by_place[MAX_PLACES];
};
MAP(flow_counts, PERCPU_ARRAY, __u32, struct flow_counts, 1);

/* The headers of an IP packet, as in joulepath.ioam.wire.headers.Header. Offsets are the frame's. */
struct packet_info {
	__u32 start;
	__u32 octets;
	__s32 protocol;
	__u32 position;
	__u32 options; /* octets of IOAM options */
	__u32 jumbo;
	__u8 fragment;
	__u8 fault;
	__u8 traces; /* at least one */
	__u8 overflow;
	__u32 active; /* a probe of active measurement: RFC 9322 */
} __attribute__((aligned(8)));

/* The verifier does not track values in a map. A loop with its cursor here looks the same in each iteration, so that
 * the verifier does not multiply iterations by branches. */
struct scratch {
	struct packet_info info;
	struct packet_info carrier; /* while pieces are counted: the large packet */
	__u32 epoch;
	__u32 piece;
	__u32 position;
	__u32 length;
	__u32 node;
	__u32 end;
	__u32 type;
	__u32 octets;
	__u32 wide_id;
	__u32 last;
	__u32 count;
	__u32 seen[32]; /* IOAM-Option-Type and namespace of each trace */
	__u32 seen_count;
	__u32 configured; /* the namespace of the last trace */
	__u32 known;      /* the trace in key[0] is of a configured namespace */
	struct short_trace key[2];
	struct long_trace wide[2];
	__u64 flow_key[FLOW_KEY_WORDS];
	__u64 sent_matches[VECTOR_WORDS]; /* of the packet, with its source as the user */
	__u64 got_matches[VECTOR_WORDS];
	__u64 cgroup_matches[VECTOR_WORDS];
	__u32 teid; /* of the innermost GTP-U message that carries the packet in `info` */
	__u32 in_tunnel;
	__u32 qfi; /* one more than it, 0 without */
	__u32 next_qfi;
	__u32 vlan;       /* of the tag nearest to the packet in `info`, 0 without */
	__u32 frame_vlan; /* of the tags of the frame itself */
	__u32 tag;        /* as skip_vlan_tags has found last */
	__u32 level;
	__u64 high[2]; /* whether some node id is wider than 32 bits */
	__u8 header[HEADER_OCTETS + 256] __attribute__((aligned(8)));
};
MAP(scratches, PERCPU_ARRAY, __u32, struct scratch, 1);

INLINE struct scratch *scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratches, &zero);
}

INLINE __u8 namespace_flags(__u16 number)
{
	__u32 zero = 0;
	struct namespaces *table = bpf_map_lookup_elem(&namespaces, &zero);

	return table ? table->flags[bounded(number, 0xffff)] : 0;
}
