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

/* Fills one path of a call from its argument positions. */
static __always_inline void fill_given(struct given_path *out, struct scratch *scratch, s8 directory, s8 path)
{
	out->directory_fd = directory >= 0 ? (s32)argument_of(scratch, directory) : AT_FDCWD;
	if (path < 0)
		return;
	out->flags = GIVEN_PRESENT;
	out->given = span_of(append_user_text(argument_of(scratch, path)));
	if (directory == ARGUMENT_NONE || !is_relative(scratch, out->given))
		return;
	out->flags |= GIVEN_RELATIVE;
	out->directory = span_of(append_directory(out->directory_fd));
}

/* Starts the record of a call with its header and arguments. */
static __always_inline void fill_call_header(struct record_header *header, struct scratch *scratch, u16 kind)
{
	fill_header(header, kind, scratch->call.plan.class, scratch->call.plan.number, scratch->call.result);
	header->flags = scratch->call.header_flags;
}

static __always_inline void copy_arguments(u64 *out, struct scratch *scratch)
{
	__builtin_memcpy(out, scratch->call.arguments, 6 * sizeof(u64));
}
