/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Requests of io_uring: the operations, what each was given, and the memory of those that have not ended. */
#pragma once

#include "given.h"

/* `enum io_uring_op` of the kernel's interface; only operations that have a call of the same effect. */
enum ring_operation {
	RING_SENDMSG = 9,
	RING_RECVMSG = 10,
	RING_ACCEPT = 13,
	RING_CONNECT = 16,
	RING_OPENAT = 18,
	RING_SEND = 26,
	RING_RECV = 27,
	RING_OPENAT2 = 28,
	RING_SPLICE = 30,
	RING_SHUTDOWN = 34,
	RING_RENAMEAT = 35,
	RING_UNLINKAT = 36,
	RING_MKDIRAT = 37,
	RING_SYMLINKAT = 38,
	RING_LINKAT = 39,
	RING_FSETXATTR = 41,
	RING_SETXATTR = 42,
	RING_SOCKET = 45,
	RING_SEND_ZC = 47,
	RING_SENDMSG_ZC = 48,
	RING_FIXED_FD_INSTALL = 54,
	RING_FTRUNCATE = 55,
	RING_BIND = 56,
	RING_LISTEN = 57,
};

/* Above the highest operation (62 in 6.18). */
#define RING_OPERATIONS_MAX 128
/* No success is told for the request (IOSQE_CQE_SKIP_SUCCESS). */
#define REQUEST_IS_SILENT (1U << 6)
/* The descriptor is a place in the ring's own table of files (IOSQE_FIXED_FILE). */
#define REQUEST_USES_SLOT (1U << 0)
/* IORING_FILE_INDEX_ALLOC: the result is the place. */
#define SLOT_OF_KERNELS_CHOICE ((u32)-1)
#define SETUP_SQPOLL (1U << 1)
/* More results of the same request follow. */
#define COMPLETION_HAS_MORE (1U << 1)
/* The kernel sets it for every open that does not ask for O_PATH. */
#define O_LARGEFILE 0100000
/* Low bits of an entry of a ring's table of files are flags. */
#define FILE_SLOT_MASK (~7UL)

/* For each operation the native number of the call that it stands for, COMPAT_NONE for those that are not recorded. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RING_OPERATIONS_MAX);
	__type(key, u32);
	__type(value, u16);
} ring_operations SEC(".maps");

/* Texts of a request that are kept with it; what is longer lies in `long_texts`. */
#define SHORT_TEXTS_BYTES 512
/* Two paths, each with the directory that it starts from. */
#define LONG_TEXTS_BYTES (4 * TEXT_BYTES_MAX)

struct request {
	u64 ring;
	u64 user_data;
	struct call call;
	u8 texts[SHORT_TEXTS_BYTES];
};

/* What the program chose to tell its request by: not unique, but all that some tracepoints have. */
struct request_name {
	u64 ring;
	u64 user_data;
};

/*
 * Requests that were submitted and have not ended, by their address. One that finds no room is recorded at once, as if
 * it had succeeded: so the bound costs a result, never an event.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64);
	__type(value, struct request);
} requests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct request_name);
	__type(value, u64);
} request_names SEC(".maps");

struct long_texts {
	u8 bytes[LONG_TEXTS_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64);
	__type(value, struct long_texts);
} long_texts SEC(".maps");

/* Where a request is put together, too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct request);
} request_scratch SEC(".maps");

static __always_inline u64 name_text(struct filename *filename)
{
	return (u64)BPF_CORE_READ(filename, name);
}

static __always_inline void read_open(struct call *call, struct io_open *open)
{
	call->arguments[0] = BPF_CORE_READ(open, dfd);
	call->arguments[1] = name_text(BPF_CORE_READ(open, filename));
	call->arguments[2] = BPF_CORE_READ(open, how.flags) & ~(u64)O_LARGEFILE;
	call->arguments[3] = BPF_CORE_READ(open, how.mode);
	call->submission.resolve = BPF_CORE_READ(open, how.resolve);
	call->submission.file_slot = BPF_CORE_READ(open, file_slot);
	/* The kernel has taken the structure of openat2 apart. */
	call->plan.open_how = ARGUMENT_NONE;
	call->plan.open_flags = 2;
	call->plan.open_mode = 3;
}

static __always_inline void read_unlink(struct call *call, struct io_unlink *unlink)
{
	call->arguments[0] = BPF_CORE_READ(unlink, dfd);
	call->arguments[1] = name_text(BPF_CORE_READ(unlink, filename));
	call->arguments[2] = BPF_CORE_READ(unlink, flags);
}

static __always_inline void read_mkdir(struct call *call, struct io_mkdir *mkdir)
{
	call->arguments[0] = BPF_CORE_READ(mkdir, dfd);
	call->arguments[1] = name_text(BPF_CORE_READ(mkdir, filename));
	call->arguments[2] = BPF_CORE_READ(mkdir, mode);
}

static __always_inline void read_rename(struct call *call, struct io_rename *rename)
{
	call->arguments[0] = BPF_CORE_READ(rename, old_dfd);
	call->arguments[1] = name_text(BPF_CORE_READ(rename, oldpath));
	call->arguments[2] = BPF_CORE_READ(rename, new_dfd);
	call->arguments[3] = name_text(BPF_CORE_READ(rename, newpath));
	call->arguments[4] = BPF_CORE_READ(rename, flags);
}

static __always_inline void read_link(struct call *call, struct io_link *link)
{
	call->arguments[0] = BPF_CORE_READ(link, old_dfd);
	call->arguments[1] = name_text(BPF_CORE_READ(link, oldpath));
	call->arguments[2] = BPF_CORE_READ(link, new_dfd);
	call->arguments[3] = name_text(BPF_CORE_READ(link, newpath));
	call->arguments[4] = BPF_CORE_READ(link, flags);
}

static __always_inline void read_symlink(struct call *call, struct io_link *link)
{
	call->arguments[0] = name_text(BPF_CORE_READ(link, oldpath));
	call->arguments[1] = BPF_CORE_READ(link, new_dfd);
	call->arguments[2] = name_text(BPF_CORE_READ(link, newpath));
}

static __always_inline void read_socket(struct call *call, struct io_socket *socket)
{
	call->arguments[0] = BPF_CORE_READ(socket, domain);
	call->arguments[1] = BPF_CORE_READ(socket, type);
	call->arguments[2] = BPF_CORE_READ(socket, protocol);
	call->submission.file_slot = BPF_CORE_READ(socket, file_slot);
}

static __always_inline void read_accept(struct call *call, struct io_accept *accept)
{
	call->arguments[1] = (u64)BPF_CORE_READ(accept, addr);
	call->arguments[2] = (u64)BPF_CORE_READ(accept, addr_len);
	call->arguments[3] = BPF_CORE_READ(accept, flags);
	call->submission.file_slot = BPF_CORE_READ(accept, file_slot);
}

static __always_inline void read_connect(struct call *call, struct io_connect *connect)
{
	call->arguments[1] = (u64)BPF_CORE_READ(connect, addr);
	call->arguments[2] = BPF_CORE_READ(connect, addr_len);
}

static __always_inline void read_attribute(struct call *call, struct io_xattr *attribute, u8 operation)
{
	if (operation == RING_SETXATTR)
		call->arguments[0] = name_text(BPF_CORE_READ(attribute, filename));
	call->arguments[1] = (u64)&BPF_CORE_READ(attribute, ctx.kname)->name[0];
}

static __always_inline void read_splice(struct call *call, struct io_splice *splice)
{
	/* The descriptor of a request is the one that is written to. */
	call->arguments[2] = call->arguments[0];
	call->arguments[0] = BPF_CORE_READ(splice, splice_fd_in);
	call->arguments[4] = BPF_CORE_READ(splice, len);
	call->arguments[5] = BPF_CORE_READ(splice, flags);
}

static __always_inline void read_transfer(struct call *call, struct io_sr_msg *transfer)
{
	call->arguments[1] = (u64)BPF_CORE_READ(transfer, buf);
	call->arguments[2] = BPF_CORE_READ(transfer, len);
	call->arguments[3] = BPF_CORE_READ(transfer, msg_flags);
}

static __always_inline void read_message(struct call *call, struct io_sr_msg *transfer)
{
	call->arguments[1] = (u64)BPF_CORE_READ(transfer, buf);
	call->arguments[2] = BPF_CORE_READ(transfer, msg_flags);
}

/* Puts what the request was given where the call of the same effect has its arguments. */
__noinline int read_request(u64 request_address)
{
	struct scratch *scratch = scratch_of_cpu();
	struct io_kiocb *request = (void *)request_address;
	struct call *call;

	if (!scratch)
		return 0;
	call = &scratch->call;
	__builtin_memset(call->arguments, 0, sizeof(call->arguments));
	__builtin_memset(&call->submission, 0, sizeof(call->submission));
	call->arguments[0] = BPF_CORE_READ(request, cqe.fd);
	switch (BPF_CORE_READ(request, opcode)) {
	case RING_OPENAT:
	case RING_OPENAT2:
		read_open(call, (void *)request);
		break;
	case RING_UNLINKAT:
		read_unlink(call, (void *)request);
		break;
	case RING_MKDIRAT:
		read_mkdir(call, (void *)request);
		break;
	case RING_RENAMEAT:
		read_rename(call, (void *)request);
		break;
	case RING_LINKAT:
		read_link(call, (void *)request);
		break;
	case RING_SYMLINKAT:
		read_symlink(call, (void *)request);
		break;
	case RING_SOCKET:
		read_socket(call, (void *)request);
		break;
	case RING_ACCEPT:
		read_accept(call, (void *)request);
		break;
	case RING_CONNECT:
		read_connect(call, (void *)request);
		break;
	case RING_SEND:
	case RING_SEND_ZC:
	case RING_RECV:
		read_transfer(call, (void *)request);
		break;
	case RING_SENDMSG:
	case RING_SENDMSG_ZC:
	case RING_RECVMSG:
		read_message(call, (void *)request);
		break;
	case RING_SETXATTR:
	case RING_FSETXATTR:
		read_attribute(call, (void *)request, BPF_CORE_READ(request, opcode));
		break;
	case RING_SPLICE:
		read_splice(call, (void *)request);
		break;
	case RING_LISTEN:
		if (bpf_core_type_exists(struct io_listen))
			call->arguments[1] = BPF_CORE_READ((struct io_listen *)request, backlog);
		break;
	case RING_SHUTDOWN:
		call->arguments[1] = BPF_CORE_READ((struct io_shutdown *)request, how);
		break;
	case RING_FTRUNCATE:
		if (bpf_core_type_exists(struct io_ftrunc))
			call->arguments[1] = BPF_CORE_READ((struct io_ftrunc *)request, len);
		break;
	default:
		break;
	}
	return 0;
}

/* Appends the address that a request sends to, from the kernel's copy of it. */
__noinline u32 append_request_address(u64 request_address)
{
	struct scratch *scratch = scratch_of_cpu();
	struct io_kiocb *request = (void *)request_address;
	struct io_async_msghdr *header;
	u32 start, length;
	u8 operation;

	if (!scratch)
		return 0;
	operation = BPF_CORE_READ(request, opcode);
	header = BPF_CORE_READ(request, async_data);
	if ((operation != RING_SEND && operation != RING_SEND_ZC) || !header || !BPF_CORE_READ(header, msg.msg_name))
		return 0;
	length = BPF_CORE_READ(header, msg.msg_namelen);
	start = scratch->tail_bytes;
	/* sizeof(struct sockaddr_storage) */
	if (!length || length > 128 || start > TAIL_START_MAX)
		return 0;
	if (bpf_probe_read_kernel(&scratch->bytes[FIXED_BYTES_MAX + start], length, &header->addr))
		return 0;
	scratch->tail_bytes = start + length;
	return span_value(start, length, false);
}

/* The file in a place of the ring's own table of files. */
static __always_inline struct file *file_of_slot(struct io_ring_ctx *ring, u32 slot)
{
	struct io_ring_ctx___slots *older = (void *)ring;
	struct io_rsrc_node **nodes, *node = NULL;
	unsigned long *files, entry = 0;

	if (bpf_core_field_exists(ring->file_table.data)) {
		nodes = BPF_CORE_READ(ring, file_table.data.nodes);
		if (slot >= BPF_CORE_READ(ring, file_table.data.nr))
			return NULL;
		bpf_probe_read_kernel(&node, sizeof(node), &nodes[slot]);
		entry = BPF_CORE_READ(node, file_ptr);
	} else if (bpf_core_field_exists(older->file_table.files)) {
		files = BPF_CORE_READ(older, file_table.files);
		if (slot >= BPF_CORE_READ(older, nr_user_files))
			return NULL;
		/* An entry is its pointer, nothing else. */
		bpf_probe_read_kernel(&entry, sizeof(entry), &files[slot]);
	}
	return (struct file *)(entry & FILE_SLOT_MASK);
}
