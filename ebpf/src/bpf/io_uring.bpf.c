/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Requests of io_uring, which need no system call. Each becomes the record of the call of the same effect: what it was
 * given is copied when it is submitted, from the kernel's own copies, and the record is written when it has ended.
 */
#include "io_uring.h"

/* What is known about the end of a request. */
enum outcome {
	/* The kernel does not tell it: the record says success. */
	OUTCOME_UNTOLD = 0,
	/* One of several results. */
	OUTCOME_MORE = 1,
	OUTCOME_LAST = 2,
};

/* The file that the request made, where the task that notices its end can see it. */
static __always_inline struct file *file_made_by(struct scratch *scratch, struct io_ring_ctx *ring)
{
	struct submission *submission = &scratch->call.submission;
	s64 result = scratch->call.result;

	if (result < 0)
		return NULL;
	if (submission->file_slot == SLOT_OF_KERNELS_CHOICE)
		return file_of_slot(ring, result);
	if (submission->file_slot)
		return file_of_slot(ring, submission->file_slot - 1);
	/* Helper threads of a ring share the descriptors of its process. */
	return current_pid() == submission->pid ? file_of_fd(result) : NULL;
}

/* Writes the record of the request that scratch->call describes and whose texts are in the tail. */
static __always_inline int record_request(struct scratch *scratch)
{
	return record(scratch->call.plan.handler, 0);
}

/* Puts a kept request and its texts back where the handlers look for them. */
static __always_inline bool restore(struct scratch *scratch, struct request *kept, u64 address)
{
	u32 tail_bytes = kept->call.submission.tail_bytes;
	struct long_texts *texts;

	scratch->call = kept->call;
	if (tail_bytes <= SHORT_TEXTS_BYTES) {
		__builtin_memcpy(&scratch->bytes[FIXED_BYTES_MAX], kept->texts, SHORT_TEXTS_BYTES);
		return true;
	}
	texts = bpf_map_lookup_elem(&long_texts, &address);
	if (!texts || tail_bytes > LONG_TEXTS_BYTES)
		return false;
	return !bpf_probe_read_kernel(&scratch->bytes[FIXED_BYTES_MAX], tail_bytes, texts->bytes);
}

static __always_inline void forget(struct request *kept, u64 address)
{
	struct request_name name = { .ring = kept->ring, .user_data = kept->user_data };
	u64 *named = bpf_map_lookup_elem(&request_names, &name);

	if (named && *named == address)
		bpf_map_delete_elem(&request_names, &name);
	if (kept->call.submission.tail_bytes > SHORT_TEXTS_BYTES)
		bpf_map_delete_elem(&long_texts, &address);
	bpf_map_delete_elem(&requests, &address);
}

/* The files of a request that has ended, as the kernel has them now. */
static __always_inline void fill_files(struct scratch *scratch, struct io_kiocb *request, struct io_ring_ctx *ring)
{
	struct file *file = BPF_CORE_READ(request, file);

	if (file)
		scratch->call.submission.file = (u64)file;
	scratch->call.submission.made_file = (u64)file_made_by(scratch, ring);
}

/* Records a kept request, of which `outcome` is known. */
__noinline int finish(u64 address, s64 result, u32 outcome)
{
	struct scratch *scratch = scratch_of_cpu();
	struct request *kept = bpf_map_lookup_elem(&requests, &address);

	if (!scratch || !kept)
		return 0;
	if (restore(scratch, kept, address)) {
		scratch->call.result = result;
		if (outcome != OUTCOME_UNTOLD)
			fill_files(scratch, (void *)address, (void *)kept->ring);
		record_request(scratch);
	}
	if (outcome != OUTCOME_MORE)
		forget(kept, address);
	return 0;
}

/* The file that a request is about to work on: the kernel looks it up only when it begins. */
static __always_inline struct file *file_asked_for(struct io_kiocb *request)
{
	s32 fd = BPF_CORE_READ(request, cqe.fd);

	if (BPF_CORE_READ(request, flags) & REQUEST_USES_SLOT)
		return file_of_slot(BPF_CORE_READ(request, ctx), fd);
	return file_of_fd(fd);
}

static __always_inline void fill_submission(struct scratch *scratch, struct io_kiocb *request)
{
	struct submission *submission = &scratch->call.submission;
	struct call_plan *plan = &scratch->call.plan;
	struct record_header actor = {};
	u64 id = bpf_get_current_pid_tgid();

	fill_actor(&actor);
	submission->started_boot_ns = actor.started_boot_ns;
	submission->uid = actor.uid;
	submission->gid = actor.gid;
	submission->pid = id >> 32;
	/* The kernel's thread that polls the ring acts for the process. */
	submission->tid = BPF_CORE_READ(request, ctx, flags) & SETUP_SQPOLL ? id >> 32 : (u32)id;
	submission->file = (u64)file_asked_for(request);
	scratch->tail_bytes = 0;
	copy_given(&submission->paths[0], scratch, plan->first_directory, plan->first_path);
	copy_given(&submission->paths[1], scratch, plan->second_directory, plan->second_path);
	if (plan->text >= 0)
		submission->text = append_given_text(scratch, argument_of(scratch, plan->text));
	submission->address = span_of(append_request_address((u64)request));
	submission->tail_bytes = scratch->tail_bytes;
}

/* Keeps the request until it ends. Says whether there was room. */
static __always_inline bool keep(struct scratch *scratch, struct io_kiocb *request, u64 address)
{
	u32 zero = 0, tail_bytes = scratch->call.submission.tail_bytes;
	struct request *kept = bpf_map_lookup_elem(&request_scratch, &zero);
	struct request_name name = {};

	if (!kept || tail_bytes > LONG_TEXTS_BYTES)
		return false;
	name.ring = kept->ring = (u64)BPF_CORE_READ(request, ctx);
	bpf_probe_read_kernel(&kept->user_data, sizeof(kept->user_data), &request->cqe);
	name.user_data = kept->user_data;
	kept->call = scratch->call;
	__builtin_memcpy(kept->texts, &scratch->bytes[FIXED_BYTES_MAX], SHORT_TEXTS_BYTES);
	if (tail_bytes > SHORT_TEXTS_BYTES &&
	    bpf_map_update_elem(&long_texts, &address, &scratch->bytes[FIXED_BYTES_MAX], BPF_ANY))
		return false;
	if (bpf_map_update_elem(&requests, &address, kept, BPF_ANY)) {
		bpf_map_delete_elem(&long_texts, &address);
		return false;
	}
	bpf_map_update_elem(&request_names, &name, &address, BPF_ANY);
	return true;
}

/* The plan of the call that an operation stands for, when somebody asked for it. */
static __always_inline struct call_row *row_of_operation(u32 operation)
{
	u16 *native = bpf_map_lookup_elem(&ring_operations, &operation);
	struct call_row *row;
	u32 number;

	if (!native || *native == COMPAT_NONE)
		return NULL;
	number = *native;
	row = bpf_map_lookup_elem(&calls, &number);
	return row && row->plan.handler ? row : NULL;
}

/* The argument is the request, which the kernel has read and not begun. */
static __always_inline int record_submission(u64 *ctx)
{
	struct io_kiocb *request = NULL;
	struct scratch *scratch;
	struct call_row *row;
	u64 address;

	bpf_probe_read_kernel(&request, sizeof(request), &ctx[0]);
	row = row_of_operation(BPF_CORE_READ(request, opcode));
	if (!row)
		return 0;
	scratch = scratch_of_cpu();
	if (!scratch || !in_scope())
		return 0;
	address = (u64)request;
	/* The kernel uses the memory of a request again: one that is still kept ended without a word. */
	finish(address, 0, OUTCOME_UNTOLD);
	scratch->call.plan = row->plan;
	scratch->call.result = 0;
	scratch->call.header_flags = HEADER_IO_URING;
	read_request(address);
	fill_submission(scratch, request);
	if (BPF_CORE_READ(request, flags) & REQUEST_IS_SILENT || !keep(scratch, request, address))
		record_request(scratch);
	return 0;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(on_ring_submit)
{
	return record_submission(ctx);
}

SEC("raw_tp/io_uring_submit_req")
int raw_ring_submit(u64 *ctx)
{
	return record_submission(ctx);
}

/* A result of which only the name of the request is told. Says whether the request is known. */
static __always_inline bool finish_named(u64 ring, u64 user_data, s32 result, u32 flags)
{
	struct request_name name = { .ring = ring, .user_data = user_data };
	u64 *address = bpf_map_lookup_elem(&request_names, &name);

	if (!address)
		return false;
	finish(*address, result, flags & COMPLETION_HAS_MORE ? OUTCOME_MORE : OUTCOME_LAST);
	return true;
}

static __always_inline int record_completion(u64 *ctx)
{
	u64 arguments[5] = {};
	struct io_uring_cqe *completion;
	struct io_kiocb *request;

	bpf_probe_read_kernel(arguments, sizeof(arguments), ctx);
	request = (void *)arguments[1];
	if (request) {
		finish(arguments[1], BPF_CORE_READ(request, cqe.res), OUTCOME_LAST);
		return 0;
	}
	/* One of several results: the third argument is the completion, or its members are spread from there on. */
	completion = (void *)arguments[2];
	if (!finish_named(arguments[0], BPF_CORE_READ(completion, user_data), BPF_CORE_READ(completion, res),
			  BPF_CORE_READ(completion, flags)))
		finish_named(arguments[0], arguments[2], arguments[3], arguments[4]);
	return 0;
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(on_ring_complete)
{
	return record_completion(ctx);
}

SEC("raw_tp/io_uring_complete")
int raw_ring_complete(u64 *ctx)
{
	return record_completion(ctx);
}

/* The program does not fetch its results: arguments are ring, name, result and flags of one more. */
static __always_inline int record_overflow(u64 *ctx)
{
	u64 arguments[4] = {};

	bpf_probe_read_kernel(arguments, sizeof(arguments), ctx);
	finish_named(arguments[0], arguments[1], arguments[2], arguments[3]);
	return 0;
}

SEC("tp_btf/io_uring_cqe_overflow")
int BPF_PROG(on_ring_overflow)
{
	return record_overflow(ctx);
}

SEC("raw_tp/io_uring_cqe_overflow")
int raw_ring_overflow(u64 *ctx)
{
	return record_overflow(ctx);
}
