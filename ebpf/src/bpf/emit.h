/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who is recorded, the header of a record, and its way into a ring. */
#pragma once

#include "text.h"

static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

static __always_inline u32 current_pid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

/* Says whether acts of the current task are recorded. The agent's own never are: each would cause the next. */
static __always_inline bool in_scope(void)
{
	u32 pid = current_pid();

	if (pid == config_own_pid)
		return false;
	if (config_scope_cgroup && bpf_get_current_ancestor_cgroup_id(config_scope_level) != config_scope_cgroup)
		return false;
	if (config_scope_tree && !bpf_map_lookup_elem(&scope_tree, &pid))
		return false;
	return true;
}

/* Since 5.11 the current task comes with its type, and its members are plain loads instead of calls. */
#define TASK_IS_TYPED bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)

static __always_inline void fill_actor(struct record_header *header)
{
	if (TASK_IS_TYPED) {
		struct task_struct *task = bpf_get_current_task_btf();
		const struct cred *cred = task->cred;

		header->started_boot_ns = task->group_leader->start_boottime;
		header->uid = cred->euid.val;
		header->gid = cred->egid.val;
	} else {
		struct task_struct *task = current_task();

		header->started_boot_ns = BPF_CORE_READ(task, group_leader, start_boottime);
		header->uid = BPF_CORE_READ(task, cred, euid.val);
		header->gid = BPF_CORE_READ(task, cred, egid.val);
	}
}

static __always_inline void fill_header(struct record_header *header, u16 kind, u8 class, u16 number, s64 result)
{
	u64 id = bpf_get_current_pid_tgid();

	header->boot_ns = bpf_ktime_get_boot_ns();
	header->result = result;
	header->pid = id >> 32;
	header->tid = id;
	header->kind = kind;
	header->syscall = number;
	header->cpu = bpf_get_smp_processor_id();
	header->class = class;
	fill_actor(header);
}

/*
 * Wakes the reader only when this record makes the waiting bytes reach the threshold: one wake-up for one crossing. Two
 * CPUs that cross at once may both miss it, which the reader's timer makes good.
 */
static __always_inline u64 wake_flags(void *ring, u32 size)
{
	u64 pending;

	if (!config_wake_bytes)
		return BPF_RB_NO_WAKEUP;
	pending = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
	if (pending < config_wake_bytes && pending + size >= config_wake_bytes)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

#define OUTPUT(ring, data, size) bpf_ringbuf_output(&(ring), data, size, wake_flags(&(ring), size))

/* Numbers the finished record and puts it into the ring of its class, or counts it as lost. */
__noinline int emit(u32 fixed_bytes, u32 class)
{
	struct scratch *scratch = scratch_of_cpu();
	u32 zero = 0;
	struct class_counters *counter = bpf_map_lookup_elem(&counters, &zero);
	struct record_header *header;
	u32 tail_bytes, size;
	long failed;

	if (!scratch || !counter || class >= CLASS_COUNT)
		return 0;
	if (fixed_bytes < sizeof(*header))
		return 0;
	KEEP_BOUND(fixed_bytes);
	if (fixed_bytes > FIXED_BYTES_MAX)
		return 0;
	tail_bytes = scratch->tail_bytes;
	if (tail_bytes > TAIL_BYTES_MAX)
		return 0;
	header = (struct record_header *)&scratch->bytes[FIXED_BYTES_MAX - fixed_bytes];
	header->sequence = ++counter->made[class];
	size = fixed_bytes + tail_bytes;
	if (class == CLASS_CRITICAL)
		failed = OUTPUT(critical, header, size);
	else if (class == CLASS_NORMAL)
		failed = OUTPUT(normal, header, size);
	else
		failed = OUTPUT(bulk, header, size);
	if (failed)
		counter->lost[class]++;
	return 0;
}
