/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the programs write, mirrored field by field in abi.rs (a test compares the two through the BTF of the object).
 *
 * A record is its fixed part followed by a tail of bytes. A span names a piece of the tail.
 */
#pragma once

#include "kernel.h"

enum record_kind {
	RECORD_EXEC = 1,
	RECORD_FORK = 2,
	RECORD_EXIT = 3,
	RECORD_OPEN = 4,
	RECORD_NETWORK = 5,
	RECORD_PATH = 6,
	RECORD_DUP = 7,
	RECORD_SCALAR = 8,
	RECORD_CHANGED = 9,
};

/* Bit 15 of the length of a span: the text was cut or could not be read to its end. */
#define SPAN_CUT 0x8000

struct span {
	u16 offset;
	u16 length;
};

#define HEADER_COMPAT 1
#define HEADER_IO_URING 2

struct record_header {
	u64 boot_ns;
	u64 sequence;
	u64 started_boot_ns;
	s64 result;
	u32 pid;
	u32 tid;
	u32 uid;
	u32 gid;
	u16 kind;
	u16 syscall;
	u16 cpu;
	u8 class;
	u8 flags;
};

struct task_identity {
	u64 parent_started_boot_ns;
	u64 pid_namespace_started_boot_ns;
	u64 cap_permitted;
	u64 cap_effective;
	u64 cap_inheritable;
	u32 parent_pid;
	u32 virtual_pid;
	u32 virtual_tid;
	u32 session_id;
	u32 group_id;
	u32 virtual_group_id;
	u32 tty;
	u32 login_uid;
	u32 uid;
	u32 gid;
	u32 pid_namespace;
	u32 mount_namespace;
	u32 net_namespace;
	u32 user_namespace;
	/* Names from the leaf to the root, each ended by a zero byte. */
	struct span cgroup;
	u32 present;
	char name[16];
};

#define FILE_PRESENT 1
/* It has no name any more. */
#define FILE_DELETED 2
/* It belongs to no directory tree (pipe, memfd, anonymous inode): the path is one name without a slash. */
#define FILE_ROOTLESS 4
#define FILE_UPPER_LAYER 8
#define FILE_LOWER_LAYER 16

struct file_object {
	u64 device;
	u64 inode;
	u32 links;
	u32 mode;
	u32 filesystem_magic;
	u32 flags;
	/* Names from the leaf to the root, each ended by a zero byte. */
	struct span path;
	/* A `file_identity`: the file of a layer that an overlay shows. Empty for others. */
	struct span layer;
};

struct file_identity {
	u64 device;
	u64 inode;
};

#define GIVEN_PRESENT 1
#define GIVEN_RELATIVE 2

struct given_path {
	s32 directory_fd;
	u32 flags;
	struct span given;
	/* Names from the leaf to the root, each ended by a zero byte. */
	struct span directory;
};

struct socket_object {
	u64 inode;
	u64 unix_self;
	u64 unix_peer;
	u16 family;
	u16 kind;
	u16 protocol;
	u8 state;
	u8 present;
	/* Host byte order. */
	u16 local_port;
	u16 remote_port;
	/* Bytes of a sockaddr_un. */
	struct span unix_local;
	struct span unix_remote;
	u32 padding;
	u8 local_address[16];
	u8 remote_address[16];
};

#define EXEC_WRITABLE 1
#define EXEC_FROM_MEMFD 2

struct exec_record {
	struct record_header header;
	struct task_identity task;
	struct file_object exe;
	u64 exe_changed_ns;
	u64 exe_modified_ns;
	struct span filename;
	struct span arguments;
	struct span environment;
	struct span cwd;
	u32 flags;
	u32 padding;
};

struct fork_record {
	struct record_header header;
	struct task_identity child;
	u64 child_started_boot_ns;
	u32 child_pid;
	u32 child_tid;
};

struct exit_record {
	struct record_header header;
	s32 code;
	u32 reaper_pid;
	u32 last_thread;
	u32 padding;
};

struct open_record {
	struct record_header header;
	struct given_path path;
	u32 flags;
	u32 mode;
	u32 resolve;
	u32 created;
	struct file_object file;
};

struct network_record {
	struct record_header header;
	u64 arguments[6];
	s32 fd;
	/* Bytes of a sockaddr. */
	struct span given;
	struct span data;
	u32 padding;
	struct socket_object socket;
};

struct path_record {
	struct record_header header;
	u64 arguments[6];
	struct given_path first;
	struct given_path second;
	struct file_object file;
	struct span text;
	u32 padding;
};

struct dup_record {
	struct record_header header;
	u64 arguments[6];
	struct file_object file;
	struct socket_object socket;
};

struct scalar_record {
	struct record_header header;
	u64 arguments[6];
	struct file_object file;
	struct task_identity task;
	struct span text;
	u32 padding;
};

/* Paths of a call as they read when it ended and when it began. */
struct changed_record {
	struct record_header header;
	struct span now[2];
	struct span then[2];
};

/* Every record, for the type information of the object. */
union every_record {
	struct file_identity identity;
	struct exec_record exec;
	struct fork_record fork;
	struct exit_record exit;
	struct open_record open;
	struct network_record network;
	struct path_record path;
	struct dup_record dup;
	struct scalar_record scalar;
	struct changed_record changed;
};
