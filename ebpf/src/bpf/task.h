/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who a task is: credentials, ids inside and outside its namespaces, terminal, cgroup. */
#pragma once

#include "object.h"

/* The number of a pid as seen at one level of nested pid namespaces, 0 when it is not visible there. */
static __always_inline u32 pid_at_level(struct pid *pid, u32 level)
{
	struct upid upid = {};

	if (!pid || level > BPF_CORE_READ(pid, level))
		return 0;
	bpf_probe_read_kernel(&upid, sizeof(upid), (void *)((u64)&pid->numbers[0] + level * sizeof(upid)));
	return upid.nr;
}

static __always_inline struct pid_namespace *pid_namespace_of(struct pid *pid, u32 level)
{
	struct upid upid = {};

	bpf_probe_read_kernel(&upid, sizeof(upid), (void *)((u64)&pid->numbers[0] + level * sizeof(upid)));
	return upid.ns;
}

static __always_inline void fill_pids(struct task_identity *out, struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct pid *leader = BPF_CORE_READ(task, group_leader, thread_pid);
	struct pid *group = BPF_CORE_READ(task, signal, pids[PIDTYPE_PGID]);
	struct pid *session = BPF_CORE_READ(task, signal, pids[PIDTYPE_SID]);
	u32 level = BPF_CORE_READ(pid, level);
	struct pid_namespace *namespace = pid_namespace_of(pid, level);

	out->virtual_tid = pid_at_level(pid, level);
	out->virtual_pid = pid_at_level(leader, level);
	out->group_id = pid_at_level(group, 0);
	out->virtual_group_id = pid_at_level(group, level);
	out->session_id = pid_at_level(session, level);
	out->pid_namespace = BPF_CORE_READ(namespace, ns.inum);
	out->pid_namespace_started_boot_ns = BPF_CORE_READ(namespace, child_reaper, start_boottime);
}

static __always_inline void fill_credentials(struct task_identity *out, const struct cred *cred)
{
	out->uid = BPF_CORE_READ(cred, euid.val);
	out->gid = BPF_CORE_READ(cred, egid.val);
	bpf_probe_read_kernel(&out->cap_permitted, 8, &cred->cap_permitted);
	bpf_probe_read_kernel(&out->cap_effective, 8, &cred->cap_effective);
	bpf_probe_read_kernel(&out->cap_inheritable, 8, &cred->cap_inheritable);
	out->user_namespace = BPF_CORE_READ(cred, user_ns, ns.inum);
}

static __always_inline u32 terminal_of(struct task_struct *task)
{
	struct tty_struct *tty = BPF_CORE_READ(task, signal, tty);
	struct tty_driver *driver = BPF_CORE_READ(tty, driver);

	if (!tty || !driver)
		return 0;
	u32 minor = BPF_CORE_READ(driver, minor_start) + BPF_CORE_READ(tty, index);

	return user_device((u32)BPF_CORE_READ(driver, major) << 20 | (minor & 0xfffff));
}

static __always_inline void fill_task(struct task_identity *out, struct task_struct *task)
{
	struct task_struct *parent = BPF_CORE_READ(task, real_parent);

	fill_pids(out, task);
	fill_credentials(out, BPF_CORE_READ(task, cred));
	out->parent_pid = BPF_CORE_READ(parent, tgid);
	out->parent_started_boot_ns = BPF_CORE_READ(parent, group_leader, start_boottime);
	out->tty = terminal_of(task);
	out->login_uid = bpf_core_field_exists(task->loginuid) ? BPF_CORE_READ(task, loginuid.val) : (u32)-1;
	out->mount_namespace = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	out->net_namespace = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	out->cgroup = span_of(append_cgroup((u64)task));
	BPF_CORE_READ_INTO(&out->name, task, comm);
	out->present = 1;
}
