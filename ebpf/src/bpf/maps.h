/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Configuration, the table of calls, the rings, and the memory in which records are built. */
#pragma once

#include "records.h"

/* Set before loading, constant afterwards. */
const volatile u32 config_own_pid = 0;
const volatile u32 config_environment = 0;
/* A ring wakes its reader when this many bytes come to wait in it; 0 never wakes. */
const volatile u32 config_wake_bytes = 0;
/* Only tasks at or below this cgroup-v2 directory, 0 for all. */
const volatile u64 config_scope_cgroup = 0;
const volatile u32 config_scope_level = 0;
/* Only processes in `scope_tree` and their descendants. */
const volatile u32 config_scope_tree = 0;
/* What records of CLASS_PROCESS may fill of the critical ring, and then of the normal one. */
const volatile u32 config_process_bytes = 0;
/* Beyond this the bulk ring is shared out among cgroups. */
const volatile u32 config_fair_bytes = 0;
/* How long one bulk record uses up the share of its cgroup then, and how far ahead a share may be used; 0 shares nothing
 * out. */
const volatile u64 config_fair_interval_ns = 0;
const volatile u64 config_fair_burst_ns = 0;

enum class {
	CLASS_CRITICAL = 0,
	CLASS_NORMAL = 1,
	CLASS_BULK = 2,
	CLASS_COUNT = 3,
	/*
	 * What any process can make in floods and nobody should lose: forks, exits, changed credentials. `emit` makes it
	 * critical while its part of that ring lasts, then normal.
	 */
	CLASS_PROCESS = 3,
};

enum handler {
	HANDLER_NONE = 0,
	HANDLER_FAILED_EXEC = 1,
	HANDLER_OPEN = 2,
	HANDLER_NETWORK = 3,
	HANDLER_PATH = 4,
	HANDLER_DUP = 5,
	HANDLER_SCALAR = 6,
};

/* Argument positions: 0 to 5, or one of these. */
#define ARGUMENT_NONE -1
/* A directory argument: the call has none, paths start at the current directory. */
#define DIRECTORY_CURRENT -2
/* A file argument: the current directory or the root after the call. */
#define FILE_CWD -2
#define FILE_ROOT -3

/* Which calls of those with this number are recorded. */
enum filter {
	FILTER_NONE = 0,
	/* The second argument is F_DUPFD or F_DUPFD_CLOEXEC. */
	FILTER_FCNTL_DUP = 1,
	/* The first argument is PR_SET_NAME or PR_SET_CHILD_SUBREAPER. */
	FILTER_PRCTL = 2,
};

/* The record carries the identity of the task after the call. */
#define PLAN_TASK 1
/* The call receives: it returns the length of the data and the length of the address is behind a pointer. */
#define PLAN_RECEIVES 2
/* The socket is that of the descriptor which the call returned. */
#define PLAN_RESULT_SOCKET 4
/* The message is a list of struct mmsghdr; the call returns how many were handled. */
#define PLAN_MANY 8
/* The paths are compared with those that the call began with. */
#define PLAN_COMPARED 16

/* How one call is recorded: the positions of its arguments. */
struct call_plan {
	u8 handler;
	u8 class;
	u8 filter;
	u8 flags;
	s8 first_directory;
	s8 first_path;
	s8 second_directory;
	s8 second_path;
	s8 fd;
	s8 text;
	/* The length is the next argument. */
	s8 address;
	/* The length is the next argument. */
	s8 data;
	s8 message;
	s8 open_flags;
	s8 open_mode;
	s8 open_how;
	/* Number of the call in the native table, as reported. */
	u16 number;
	u16 padding;
};

#define COMPAT_NONE 0xffff
/* The 32-bit call that multiplexes the socket calls. */
#define COMPAT_SOCKETCALL 0xfffe

/* One row for each number: the native call, and the native row that the 32-bit call of this number translates to. */
struct call_row {
	struct call_plan plan;
	u16 compat;
	u16 padding;
};

/* Above the highest number of any table (x86-64 ends at 470 in 6.18, x32 at 547). */
#define CALLS_MAX 576

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CALLS_MAX);
	__type(key, u32);
	__type(value, struct call_row);
} calls SEC(".maps");

/* Native rows of socketcall's 1 to 20, COMPAT_NONE for those that are not recorded. */
#define SOCKETCALLS_MAX 32

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SOCKETCALLS_MAX);
	__type(key, u32);
	__type(value, u16);
} socketcalls SEC(".maps");

/* Process ids in scope, kept by fork and exit; a process that does not fit is not in scope, and counted. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, u8);
} scope_tree SEC(".maps");

/* One ring for each class, so that a flood of one cannot push out another. Sizes are set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} critical SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} normal SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} bulk SEC(".maps");

/* Records made and not handed over on this CPU; made includes lost and refused. */
struct class_counters {
	u64 made[CLASS_COUNT];
	u64 lost[CLASS_COUNT];
	/* Bulk records of cgroups that had used up their share. */
	u64 refused;
	/* Processes that found no room in `scope_tree`. */
	u64 unfollowed;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct class_counters);
} counters SEC(".maps");

/* What a cgroup could not hand over, and how far ahead its share of the bulk ring is used. */
struct cgroup_account {
	u64 used_until_ns;
	u64 refused;
	u64 lost[CLASS_COUNT];
};

/* A cgroup that is forgotten for others gets a new share and a new count; the counters above stay exact. */
#define ACCOUNTS_MAX 1024

/* Written only while a ring is nearly full or full, so that in good times it costs nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ACCOUNTS_MAX);
	__type(key, u64);
	__type(value, struct cgroup_account);
} cgroup_accounts SEC(".maps");

/* No fixed part is longer. */
#define FIXED_BYTES_MAX 512
/* No text is longer; PATH_MAX, and what Falco keeps of arguments and environment. */
#define TEXT_BYTES_MAX 4096
/* A text may begin below this: exec has six of them (file name, path, cwd, arguments, environment, cgroup). */
#define TAIL_START_MAX (6 * TEXT_BYTES_MAX)
#define TAIL_BYTES_MAX (TAIL_START_MAX + TEXT_BYTES_MAX)

/* What a request of io_uring was given and by whom, copied when it was submitted. */
struct submission {
	u64 started_boot_ns;
	u32 pid, tid, uid, gid;
	/* The open file that it works on, and the one that it made: addresses of `struct file`, known when it has ended. */
	u64 file, made_file;
	u64 resolve;
	struct given_path paths[2];
	/* Bytes of a sockaddr. */
	struct span address;
	struct span text;
	/* Place in the ring's own table of files where it puts the file that it makes, counted from 1. */
	u32 file_slot;
	u32 tail_bytes;
};

/* What the handlers work on. */
struct call {
	struct call_plan plan;
	u32 header_flags;
	/* Which message of those that one call handles. */
	u32 message_index;
	s64 result;
	/* Six arguments and two zeros, so that a masked index is always inside. */
	u64 arguments[8];
	/* Only for requests of io_uring. */
	struct submission submission;
};

/*
 * The head of a kernel object, read at once: a read is a call, and several members of one object usually lie near its
 * beginning.
 */
#define HEAD_BYTES 96

struct head {
	u64 words[HEAD_BYTES / 8];
};

/*
 * Where a record is built. The fixed part ends at FIXED_BYTES_MAX, whatever its length, and the tail follows it: so the
 * record is one piece of memory. The bytes after the tail are never used, they let the verifier prove the bounds.
 *
 * One for each CPU is enough because tracing programs run with preemption off and none interrupts another.
 */
struct scratch {
	struct call call;
	/* A copy of `struct pt_regs` (168 bytes on x86-64), only where the kernel does not say what type they have. */
	u64 registers[48];
	u32 tail_bytes;
	/* FILE_* bits of the path that was walked last. */
	u32 path_flags;
	/* A step of a path. It is not on the stack, of which kernels before 6.13 allow 512 bytes for all calls together. */
	struct head dentry;
	/* Takes no room: compilers describe only the types that a table reaches, and a test compares them. */
	union every_record layouts[0];
	u8 bytes[FIXED_BYTES_MAX + TAIL_BYTES_MAX + FIXED_BYTES_MAX] __attribute__((aligned(8)));
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct scratch *scratch_of_cpu(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&scratches, &zero);
}

/* The fixed part of a record that ends where the tail begins. */
#define FIXED_PART(type, scratch) ((struct type *)&(scratch)->bytes[FIXED_BYTES_MAX - sizeof(struct type)])

/* Starts a record: an empty tail and a fixed part of zeros. */
#define START_RECORD(type, scratch)                                                                                    \
	({                                                                                                             \
		_Static_assert(sizeof(struct type) % 8 == 0 && sizeof(struct type) <= FIXED_BYTES_MAX, "fixed part");    \
		struct type *record_ = FIXED_PART(type, scratch);                                                      \
		__builtin_memset(record_, 0, sizeof(*record_));                                                        \
		(scratch)->tail_bytes = 0;                                                                             \
		record_;                                                                                               \
	})
