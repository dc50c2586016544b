/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Texts and paths in the tail of a record.
 *
 * The functions are global on purpose: the verifier proves each of them once, for any arguments, and not again at every
 * call. They take addresses as numbers because that is what every kernel accepts there.
 */
#pragma once

#include "maps.h"

/* Components of a path, counting mounts on the way; what is deeper is cut at the root's end. */
#define PATH_STEPS_MAX 64
/* NAME_MAX and its zero byte. */
#define NAME_BYTES_MAX 256
#define CGROUP_STEPS_MAX 24
#define SUBSYSTEMS_MAX 16

/*
 * Hides a value that has just been compared from the optimiser. Else it folds two comparisons into a subtraction and
 * one, or saves the value on the stack before the comparison and loads it after; verifiers of kernels before 6.8 lose
 * the bound by either. Values are 64 bits wide because before 5.16 only those keep their bounds on the stack.
 */
#define KEEP_BOUND(value) asm volatile("" : "+r"(value))

static __always_inline u32 span_value(u32 start, u32 length, bool cut)
{
	return start | (length << 16) | (cut ? (u32)SPAN_CUT << 16 : 0);
}

static __always_inline struct span span_of(u32 value)
{
	return (struct span){ .offset = value & 0xffff, .length = value >> 16 };
}

static __always_inline u32 span_number(struct span span)
{
	return span.offset | (u32)span.length << 16;
}

/* Takes a member out of the head of an object, or reads it from the object on kernels that have it further behind. */
#define HEAD_MEMBER(head, object, type, member)                                                                        \
	({                                                                                                             \
		typeof(((type *)0)->member) value_;                                                                    \
		u32 offset_ = bpf_core_field_offset(type, member);                                                     \
		if (offset_ <= HEAD_BYTES - sizeof(value_))                                                            \
			value_ = *(typeof(value_) *)((u8 *)(head) + offset_);                                          \
		else                                                                                                   \
			value_ = BPF_CORE_READ(object, member);                                                        \
		value_;                                                                                                \
	})

/* Appends a text of user memory. A text that cannot be read is empty and cut. */
__noinline u32 append_user_text(u64 address)
{
	struct scratch *scratch = scratch_of_cpu();
	u32 start;
	long read;

	if (!scratch)
		return 0;
	start = scratch->tail_bytes;
	if (start > TAIL_START_MAX)
		return span_value(0, 0, true);
	read = bpf_probe_read_user_str(&scratch->bytes[FIXED_BYTES_MAX + start], TEXT_BYTES_MAX, (void *)address);
	if (read <= 0)
		return span_value(start, 0, true);
	/* The zero byte at its end is not kept. */
	scratch->tail_bytes = start + read - 1;
	return span_value(start, read - 1, read == TEXT_BYTES_MAX);
}

/* Appends the name that a program was started by. */
__noinline u32 append_kernel_text(u64 address)
{
	struct scratch *scratch = scratch_of_cpu();
	u32 start;
	long read;

	if (!scratch)
		return 0;
	start = scratch->tail_bytes;
	if (start > TAIL_START_MAX)
		return span_value(0, 0, true);
	read = bpf_probe_read_kernel_str(&scratch->bytes[FIXED_BYTES_MAX + start], TEXT_BYTES_MAX, (void *)address);
	if (read <= 0)
		return span_value(start, 0, true);
	scratch->tail_bytes = start + read - 1;
	return span_value(start, read - 1, read == TEXT_BYTES_MAX);
}

/* Appends at most TEXT_BYTES_MAX bytes of user memory. */
__noinline u32 append_user_bytes(u64 address, u64 length)
{
	struct scratch *scratch = scratch_of_cpu();
	bool cut = length > TEXT_BYTES_MAX;
	u32 size = cut ? TEXT_BYTES_MAX : length;
	u32 start;

	if (!scratch || !size)
		return 0;
	start = scratch->tail_bytes;
	if (start > TAIL_START_MAX)
		return span_value(0, 0, true);
	if (bpf_probe_read_user(&scratch->bytes[FIXED_BYTES_MAX + start], size, (void *)address))
		return span_value(start, 0, true);
	scratch->tail_bytes = start + size;
	return span_value(start, size, cut);
}

/* Appends bytes of the kernel, at most TEXT_BYTES_MAX. */
static __always_inline u32 append_kernel_bytes(const void *address, u32 length)
{
	struct scratch *scratch = scratch_of_cpu();
	u32 start;

	if (!scratch || !length || length > TEXT_BYTES_MAX)
		return 0;
	start = scratch->tail_bytes;
	if (start > TAIL_START_MAX)
		return span_value(0, 0, true);
	if (bpf_probe_read_kernel(&scratch->bytes[FIXED_BYTES_MAX + start], length, address))
		return span_value(start, 0, true);
	scratch->tail_bytes = start + length;
	return span_value(start, length, false);
}

/* Appends one name of a path with its zero byte. Returns whether it was complete. */
static __always_inline bool append_name(struct scratch *scratch, u32 start, const void *name)
{
	u32 used = scratch->tail_bytes;
	long read;

	if (used > TAIL_START_MAX + TEXT_BYTES_MAX - NAME_BYTES_MAX || used - start > TEXT_BYTES_MAX - NAME_BYTES_MAX)
		return false;
	read = bpf_probe_read_kernel_str(&scratch->bytes[FIXED_BYTES_MAX + used], NAME_BYTES_MAX, name);
	if (read <= 0)
		return false;
	scratch->tail_bytes = used + read;
	return true;
}

/* A dentry that is its own parent and is not called "/": pipes, sockets, memfds, anonymous inodes. */
static __always_inline bool append_rootless_name(struct scratch *scratch, u32 start, const unsigned char *name)
{
	char first = 0;

	bpf_probe_read_kernel(&first, 1, name);
	if (first == '/')
		return true;
	scratch->path_flags |= FILE_ROOTLESS;
	return append_name(scratch, start, name);
}

/* Like d_unlinked(): out of the name cache and not a root. */
static __always_inline bool is_unlinked(struct dentry *dentry)
{
	return !BPF_CORE_READ(dentry, d_hash.pprev) && BPF_CORE_READ(dentry, d_parent) != dentry;
}

/*
 * Appends the path of a dentry as names from the leaf to the root, across mount points up to the root of the mount
 * namespace. The names come from the kernel's own tree: links, "..", /proc/self/root and bind mounts are resolved.
 */
__noinline u32 append_path(u64 dentry_address, u64 vfsmount_address)
{
	struct scratch *scratch = scratch_of_cpu();
	struct dentry *dentry = (void *)dentry_address;
	struct mount *mount = (void *)(vfsmount_address - bpf_core_field_offset(struct mount, mnt));
	struct dentry *mount_root;
	struct head *head;
	bool cut = true;
	u32 start;

	if (!scratch)
		return 0;
	head = &scratch->dentry;
	start = scratch->tail_bytes;
	scratch->path_flags = 0;
	if (start > TAIL_START_MAX)
		return span_value(0, 0, true);
	if (is_unlinked(dentry))
		scratch->path_flags |= FILE_DELETED;
	mount_root = BPF_CORE_READ(mount, mnt.mnt_root);
	for (int step = 0; step < PATH_STEPS_MAX; step++) {
		const unsigned char *name;
		struct dentry *parent;

		if (dentry == mount_root) {
			struct mount *above = BPF_CORE_READ(mount, mnt_parent);

			if (above && above != mount) {
				dentry = BPF_CORE_READ(mount, mnt_mountpoint);
				mount = above;
				mount_root = BPF_CORE_READ(mount, mnt.mnt_root);
				continue;
			}
		}
		bpf_probe_read_kernel(head, sizeof(*head), dentry);
		parent = HEAD_MEMBER(head, dentry, struct dentry, d_parent);
		name = HEAD_MEMBER(head, dentry, struct dentry, d_name.name);
		if (!parent || parent == dentry || dentry == mount_root) {
			cut = !append_rootless_name(scratch, start, name);
			break;
		}
		if (!append_name(scratch, start, name))
			break;
		dentry = parent;
	}
	return span_value(start, (scratch->tail_bytes - start) & 0x7fff, cut);
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
	struct kernfs_node___rcu *rcu = (void *)node;

	if (bpf_core_field_exists(node->parent))
		return BPF_CORE_READ(node, parent);
	return BPF_CORE_READ(rcu, __parent);
}

/* The directory of the task in the unified hierarchy, or in the first other one where it is not in the root. */
static __always_inline struct kernfs_node *cgroup_directory(struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct kernfs_node *unified = BPF_CORE_READ(set, dfl_cgrp, kn);
	u64 subsystems = (u64)set + bpf_core_field_offset(struct css_set, subsys);
	u32 count = bpf_core_field_size(set->subsys) / sizeof(void *);

	if (kernfs_parent(unified))
		return unified;
	for (u32 i = 0; i < SUBSYSTEMS_MAX; i++) {
		struct cgroup_subsys_state *state = NULL;

		if (i >= count)
			break;
		bpf_probe_read_kernel(&state, sizeof(state), (void *)(subsystems + i * sizeof(void *)));
		struct kernfs_node *node = BPF_CORE_READ(state, cgroup, kn);

		if (node && kernfs_parent(node))
			return node;
	}
	return unified;
}

/* Appends the cgroup path of a task as names from the leaf to the root. */
__noinline u32 append_cgroup(u64 task_address)
{
	struct scratch *scratch = scratch_of_cpu();
	struct kernfs_node *node;
	bool cut = true;
	u32 start;

	if (!scratch)
		return 0;
	start = scratch->tail_bytes;
	if (start > TAIL_START_MAX)
		return span_value(0, 0, true);
	node = cgroup_directory((void *)task_address);
	for (int step = 0; step < CGROUP_STEPS_MAX; step++) {
		struct kernfs_node *parent = kernfs_parent(node);

		if (!parent) {
			cut = false;
			break;
		}
		if (!append_name(scratch, start, BPF_CORE_READ(node, name)))
			break;
		node = parent;
	}
	return span_value(start, (scratch->tail_bytes - start) & 0x7fff, cut);
}
