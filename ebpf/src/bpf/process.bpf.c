/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A process or thread was made, or ended. */
#include "registers.h"
#include "task.h"

/* Ancestors that are asked whether they adopt orphans. */
#define ANCESTORS_MAX 32

static __always_inline bool starts_in_scope_cgroup(struct task_struct *child)
{
	return config_scope_cgroup && BPF_CORE_READ(child, cgroups, dfl_cgrp, kn, id) == config_scope_cgroup;
}

/* A child is in scope as its parent is. */
static __always_inline void inherit_scope(u32 child_pid)
{
	u8 yes = 1;
	u32 zero = 0;
	struct class_counters *counter;

	if (!config_scope_tree || !bpf_map_update_elem(&scope_tree, &child_pid, &yes, BPF_ANY))
		return;
	counter = bpf_map_lookup_elem(&counters, &zero);
	if (counter)
		counter->unfollowed++;
}

/* The calls that make tasks: in the native table, in the 32-bit one, and as reported. */
#define CLONE 56
#define FORK 57
#define VFORK 58
#define CLONE3 435
#define COMPAT_FORK 2
#define COMPAT_CLONE 120
#define COMPAT_VFORK 190
#define ARM64_CLONE 220

static __always_inline u16 reported_fork(u32 number, bool compat)
{
	if (number == CLONE3)
		return CLONE3;
#if defined(__TARGET_ARCH_x86)
	if (compat)
		return number == COMPAT_FORK ? FORK : number == COMPAT_CLONE ? CLONE : number == COMPAT_VFORK ? VFORK : 0;
	return number == CLONE || number == FORK || number == VFORK ? number : 0;
#else
	return number == ARM64_CLONE ? CLONE : 0;
#endif
}

/* Which call the creator is in; 0 for kernel threads and for kernels before 5.15, which cannot say. */
static __always_inline void fill_forking_call(struct record_header *header)
{
	struct pt_regs *regs;
	bool compat = is_compat();

	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return;
	regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	header->syscall = reported_fork(call_number(regs), compat);
	if (header->syscall && compat)
		header->flags = HEADER_COMPAT;
}

static __always_inline int record_fork(u64 *ctx)
{
	struct scratch *scratch = scratch_of_cpu();
	struct fork_record *record;
	struct task_struct *child = NULL;

	/* Arguments are (parent, child). Read as bytes the pointer is a number, which global functions take. */
	bpf_probe_read_kernel(&child, sizeof(child), &ctx[1]);
	if (!scratch || (!in_scope() && !(current_pid() != config_own_pid && starts_in_scope_cgroup(child))))
		return 0;
	record = START_RECORD(fork_record, scratch);
	fill_header(&record->header, RECORD_FORK, CLASS_PROCESS, 0, 0);
	fill_forking_call(&record->header);
	fill_task(&record->child, child);
	record->child_started_boot_ns = BPF_CORE_READ(child, group_leader, start_boottime);
	record->child_pid = BPF_CORE_READ(child, tgid);
	record->child_tid = BPF_CORE_READ(child, pid);
	inherit_scope(record->child_pid);
	emit(sizeof(*record), CLASS_PROCESS);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork)
{
	return record_fork(ctx);
}

SEC("raw_tp/sched_process_fork")
int raw_fork(u64 *ctx)
{
	return record_fork(ctx);
}

/* Who adopts the children: the nearest ancestor that asked for it, else the init of the pid namespace. */
__noinline int reaper_of(u64 task_address)
{
	struct task_struct *task = (void *)task_address;
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct pid_namespace *namespace = pid_namespace_of(pid, BPF_CORE_READ(pid, level));
	struct task_struct *init = BPF_CORE_READ(namespace, child_reaper);
	struct signal_struct *signal = BPF_CORE_READ(task, signal);

	if (!BPF_CORE_READ_BITFIELD_PROBED(signal, has_child_subreaper))
		return BPF_CORE_READ(init, tgid);
	for (int step = 0; step < ANCESTORS_MAX; step++) {
		task = BPF_CORE_READ(task, real_parent);
		if (!task || task == init)
			break;
		signal = BPF_CORE_READ(task, signal);
		if (BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper))
			return BPF_CORE_READ(task, tgid);
	}
	return BPF_CORE_READ(init, tgid);
}

static __always_inline int record_exit(void)
{
	struct scratch *scratch = scratch_of_cpu();
	struct task_struct *task = current_task();
	struct exit_record *record;
	u32 pid = current_pid();

	if (!scratch || !in_scope())
		return 0;
	record = START_RECORD(exit_record, scratch);
	fill_header(&record->header, RECORD_EXIT, CLASS_PROCESS, 0, 0);
	record->code = BPF_CORE_READ(task, exit_code);
	record->reaper_pid = reaper_of((u64)task);
	/* The counter was lowered just before; two threads that end together may both find it at zero. */
	record->last_thread = BPF_CORE_READ(task, signal, live.counter) == 0;
	if (config_scope_tree && record->last_thread)
		bpf_map_delete_elem(&scope_tree, &pid);
	emit(sizeof(*record), CLASS_PROCESS);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit)
{
	return record_exit();
}

SEC("raw_tp/sched_process_exit")
int raw_exit(void *ctx)
{
	return record_exit();
}
