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

static __always_inline bool holds_more(void *ring, u32 bytes)
{
	return bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) > bytes;
}

/*
 * Which ring a record of CLASS_PROCESS goes to. When neither has room it is critical, and lost as such. A critical call
 * that failed is treated alike, because anybody can make them in a loop without any privilege; but it may fill half as
 * much again, so that a storm of forks does not hide what somebody tries.
 */
static __always_inline u32 settle_class(u32 class, s64 result, bool *full)
{
	u32 room = config_process_bytes;

	*full = false;
	if (class == CLASS_CRITICAL && result < 0)
		room += room / 2;
	else if (class != CLASS_PROCESS)
		return class;
	if (!holds_more(&critical, room))
		return CLASS_CRITICAL;
	if (!holds_more(&normal, room))
		return CLASS_NORMAL;
	*full = true;
	return CLASS_CRITICAL;
}

static __always_inline struct cgroup_account *account_of_current(void)
{
	u64 cgroup = bpf_get_current_cgroup_id();
	struct cgroup_account *account = bpf_map_lookup_elem(&cgroup_accounts, &cgroup), fresh = {};

	if (account)
		return account;
	bpf_map_update_elem(&cgroup_accounts, &cgroup, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&cgroup_accounts, &cgroup);
}

/*
 * Says whether the cgroup has used up its share of a nearly full bulk ring; takes one record off it otherwise. Two CPUs
 * that ask at once may both be granted the last one.
 */
static __always_inline bool exceeds_share(void)
{
	struct cgroup_account *account;
	u64 now;

	if (!config_fair_interval_ns || !holds_more(&bulk, config_fair_bytes))
		return false;
	account = account_of_current();
	if (!account)
		return false;
	now = bpf_ktime_get_boot_ns();
	if (account->used_until_ns > now + config_fair_burst_ns) {
		__sync_fetch_and_add(&account->refused, 1);
		return true;
	}
	if (account->used_until_ns < now)
		account->used_until_ns = now + config_fair_interval_ns;
	else
		__sync_fetch_and_add(&account->used_until_ns, config_fair_interval_ns);
	return false;
}

static __always_inline void count_lost(struct class_counters *counter, u32 class)
{
	struct cgroup_account *account = account_of_current();

	if (class >= CLASS_COUNT)
		return;
	counter->lost[class]++;
	if (account)
		__sync_fetch_and_add(&account->lost[class], 1);
}

static __always_inline long output(u32 class, struct record_header *header, u32 size)
{
	if (class == CLASS_CRITICAL)
		return OUTPUT(critical, header, size);
	if (class == CLASS_NORMAL)
		return OUTPUT(normal, header, size);
	return OUTPUT(bulk, header, size);
}

/* Numbers the finished record and puts it into the ring of its class, or counts it as lost or refused. */
__noinline int emit(u32 fixed_bytes, u32 class)
{
	struct scratch *scratch = scratch_of_cpu();
	u32 zero = 0;
	struct class_counters *counter = bpf_map_lookup_elem(&counters, &zero);
	struct record_header *header;
	u64 tail_bytes;
	bool full;
	u32 size;

	if (!scratch || !counter)
		return 0;
	if (fixed_bytes < sizeof(*header))
		return 0;
	KEEP_BOUND(fixed_bytes);
	if (fixed_bytes > FIXED_BYTES_MAX)
		return 0;
	tail_bytes = scratch->tail_bytes;
	if (tail_bytes > TAIL_BYTES_MAX)
		return 0;
	KEEP_BOUND(tail_bytes);
	header = (struct record_header *)&scratch->bytes[FIXED_BYTES_MAX - fixed_bytes];
	class = settle_class(class, header->result, &full);
	if (class >= CLASS_COUNT)
		return 0;
	header->class = class;
	header->sequence = ++counter->made[class];
	size = fixed_bytes + tail_bytes;
	if (class == CLASS_BULK && exceeds_share())
		counter->refused++;
	else if (full || output(class, header, size))
		count_lost(counter, class);
	return 0;
}
