/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Paths as a call was given them, with the directory that a relative one starts from. */
#pragma once

#include "task.h"

/* Says whether the text of a span does not begin with a slash. */
static __always_inline bool is_relative(struct scratch *scratch, struct span given)
{
	u32 offset = given.offset;

	if (!(given.length & ~SPAN_CUT))
		return true;
	if (offset > TAIL_START_MAX)
		return false;
	return scratch->bytes[FIXED_BYTES_MAX + offset] != '/';
}

/* Appends the path of a directory descriptor or of the current directory. */
__noinline u32 append_directory(s32 directory_fd)
{
	struct fs_struct *fs = BPF_CORE_READ(current_task(), fs);
	const struct path *path = &fs->pwd;

	if (directory_fd != AT_FDCWD) {
		struct file *file = file_of_fd(directory_fd);

		if (!file)
			return span_value(0, 0, true);
		path = &file->f_path;
	}
	return append_path((u64)BPF_CORE_READ(path, dentry), (u64)BPF_CORE_READ(path, mnt));
}

static __always_inline u64 argument_of(struct scratch *scratch, s8 position)
{
	return scratch->call.arguments[position & 7];
}

static __always_inline bool is_ring_request(struct scratch *scratch)
{
	return scratch->call.header_flags & HEADER_IO_URING;
}

/* The text of a call is in the memory of its program; the kernel has already copied that of a ring's request. */
static __always_inline struct span append_given_text(struct scratch *scratch, u64 address)
{
	return span_of(is_ring_request(scratch) ? append_kernel_text(address) : append_user_text(address));
}

/* Copies one path of a call from its argument positions. */
static __always_inline void copy_given(struct given_path *out, struct scratch *scratch, s8 directory, s8 path)
{
	out->directory_fd = directory >= 0 ? (s32)argument_of(scratch, directory) : AT_FDCWD;
	if (path < 0)
		return;
	out->flags = GIVEN_PRESENT;
	out->given = append_given_text(scratch, argument_of(scratch, path));
	if (directory == ARGUMENT_NONE || !is_relative(scratch, out->given))
		return;
	out->flags |= GIVEN_RELATIVE;
	out->directory = span_of(append_directory(out->directory_fd));
}

static __always_inline void fill_first_path(struct given_path *out, struct scratch *scratch)
{
	if (is_ring_request(scratch))
		*out = scratch->call.submission.paths[0];
	else
		copy_given(out, scratch, scratch->call.plan.first_directory, scratch->call.plan.first_path);
}

static __always_inline void fill_second_path(struct given_path *out, struct scratch *scratch)
{
	if (is_ring_request(scratch))
		*out = scratch->call.submission.paths[1];
	else
		copy_given(out, scratch, scratch->call.plan.second_directory, scratch->call.plan.second_path);
}

/* The short text of a call. */
static __always_inline struct span fill_text(struct scratch *scratch)
{
	if (is_ring_request(scratch))
		return scratch->call.submission.text;
	if (scratch->call.plan.text < 0)
		return span_of(0);
	return span_of(append_user_text(argument_of(scratch, scratch->call.plan.text)));
}

/* The open file behind a descriptor argument. */
static __always_inline struct file *file_of_argument(struct scratch *scratch, s32 fd)
{
	return is_ring_request(scratch) ? (struct file *)scratch->call.submission.file : file_of_fd(fd);
}

/* The open file behind the descriptor that a call returned. */
static __always_inline struct file *file_made(struct scratch *scratch)
{
	return is_ring_request(scratch) ? (struct file *)scratch->call.submission.made_file :
					  file_of_fd(scratch->call.result);
}

/* A request ends in whatever task happens to notice; it is the act of the task that submitted it. */
static __always_inline void fill_submitter(struct record_header *header, const struct submission *submission)
{
	header->started_boot_ns = submission->started_boot_ns;
	header->pid = submission->pid;
	header->tid = submission->tid;
	header->uid = submission->uid;
	header->gid = submission->gid;
}

/* Starts the record of a call with its header. */
static __always_inline void fill_call_header(struct record_header *header, struct scratch *scratch, u16 kind)
{
	fill_header(header, kind, scratch->call.plan.class, scratch->call.plan.number, scratch->call.result);
	header->flags = scratch->call.header_flags;
	if (!is_ring_request(scratch))
		return;
	fill_submitter(header, &scratch->call.submission);
	scratch->tail_bytes = scratch->call.submission.tail_bytes;
}

static __always_inline void copy_arguments(u64 *out, struct scratch *scratch)
{
	__builtin_memcpy(out, scratch->call.arguments, 6 * sizeof(u64));
}
