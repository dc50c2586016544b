/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A program was executed, or could not be. */
#include "task.h"

#define EXECVE 59
#define CAP_DAC_OVERRIDE 1
/* Supplementary groups that are compared; more are rare and only lose the writable mark. */
#define GROUPS_MAX 32
#define S_IWUSR 0200
#define S_IWGRP 0020
#define S_IWOTH 0002

static __always_inline bool in_group(const struct cred *cred, u32 gid)
{
	struct group_info *groups = BPF_CORE_READ(cred, group_info);
	u32 count = BPF_CORE_READ(groups, ngroups);

	if (BPF_CORE_READ(cred, fsgid.val) == gid)
		return true;
	for (u32 i = 0; i < GROUPS_MAX; i++) {
		kgid_t member = {};

		if (i >= count)
			break;
		bpf_probe_read_kernel(&member, sizeof(member), &groups->gid[0] + i);
		if (member.val == gid)
			return true;
	}
	return false;
}

/* Says whether these credentials could write to the file by its mode or by capability. */
__noinline int may_write(u64 cred_address, u64 inode_address)
{
	const struct cred *cred = (void *)cred_address;
	struct inode *inode = (void *)inode_address;
	u16 mode = BPF_CORE_READ(inode, i_mode);
	u64 effective = 0;

	bpf_probe_read_kernel(&effective, sizeof(effective), &cred->cap_effective);
	if (effective & (1ULL << CAP_DAC_OVERRIDE))
		return 1;
	if (BPF_CORE_READ(cred, fsuid.val) == BPF_CORE_READ(inode, i_uid.val))
		return !!(mode & S_IWUSR);
	if (in_group(cred, BPF_CORE_READ(inode, i_gid.val)))
		return !!(mode & S_IWGRP);
	return !!(mode & S_IWOTH);
}

#define NS_PER_SECOND 1000000000ULL
/* Bits above are flags of multigrain timestamps (6.13). */
#define NSEC_MASK 0x3fffffff

static __always_inline u64 nanoseconds(s64 seconds, u64 rest)
{
	return (u64)seconds * NS_PER_SECOND + (rest & NSEC_MASK);
}

static __always_inline u64 modified_ns(struct inode *inode)
{
	struct inode___underscored_times *underscored = (void *)inode;
	struct inode___plain_times *plain = (void *)inode;

	if (bpf_core_field_exists(inode->i_mtime_sec))
		return nanoseconds(BPF_CORE_READ(inode, i_mtime_sec), BPF_CORE_READ(inode, i_mtime_nsec));
	if (bpf_core_field_exists(underscored->__i_mtime))
		return nanoseconds(BPF_CORE_READ(underscored, __i_mtime.tv_sec), BPF_CORE_READ(underscored, __i_mtime.tv_nsec));
	return nanoseconds(BPF_CORE_READ(plain, i_mtime.tv_sec), BPF_CORE_READ(plain, i_mtime.tv_nsec));
}

static __always_inline u64 changed_ns(struct inode *inode)
{
	struct inode___underscored_times *underscored = (void *)inode;
	struct inode___plain_times *plain = (void *)inode;

	if (bpf_core_field_exists(inode->i_ctime_sec))
		return nanoseconds(BPF_CORE_READ(inode, i_ctime_sec), BPF_CORE_READ(inode, i_ctime_nsec));
	if (bpf_core_field_exists(underscored->__i_ctime))
		return nanoseconds(BPF_CORE_READ(underscored, __i_ctime.tv_sec), BPF_CORE_READ(underscored, __i_ctime.tv_nsec));
	return nanoseconds(BPF_CORE_READ(plain, i_ctime.tv_sec), BPF_CORE_READ(plain, i_ctime.tv_nsec));
}

static __always_inline bool is_memfd(struct file *file)
{
	char name[8] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
	return name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' && name[4] == 'd' && name[5] == ':';
}

static __always_inline void fill_executable(struct exec_record *record, struct task_struct *task)
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	fill_open_file(&record->exe, file);
	record->exe_changed_ns = changed_ns(inode);
	record->exe_modified_ns = modified_ns(inode);
	if (may_write((u64)BPF_CORE_READ(task, cred), (u64)inode))
		record->flags |= EXEC_WRITABLE;
	if (!record->exe.links && (record->exe.flags & FILE_ROOTLESS) && is_memfd(file))
		record->flags |= EXEC_FROM_MEMFD;
}

static __always_inline void fill_command_line(struct exec_record *record, struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	u64 arguments = BPF_CORE_READ(mm, arg_start), arguments_end = BPF_CORE_READ(mm, arg_end);
	u64 environment = BPF_CORE_READ(mm, env_start), environment_end = BPF_CORE_READ(mm, env_end);

	record->arguments = span_of(append_user_bytes(arguments, arguments_end - arguments));
	if (config_environment)
		record->environment = span_of(append_user_bytes(environment, environment_end - environment));
}

static __always_inline int record_exec(struct linux_binprm *binprm)
{
	struct scratch *scratch = scratch_of_cpu();
	struct task_struct *task = current_task();
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	struct exec_record *record;

	if (!scratch || !in_scope())
		return 0;
	record = START_RECORD(exec_record, scratch);
	fill_header(&record->header, RECORD_EXEC, CLASS_CRITICAL, EXECVE, 0);
	fill_task(&record->task, task);
	record->filename = span_of(append_kernel_text((u64)BPF_CORE_READ(binprm, filename)));
	fill_command_line(record, task);
	fill_executable(record, task);
	record->cwd = span_of(append_path((u64)BPF_CORE_READ(fs, pwd.dentry), (u64)BPF_CORE_READ(fs, pwd.mnt)));
	emit(sizeof(*record), CLASS_CRITICAL);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *traced, int old_pid, struct linux_binprm *binprm)
{
	return record_exec(binprm);
}

SEC("raw_tp/sched_process_exec")
int raw_exec(u64 *ctx)
{
	return record_exec((struct linux_binprm *)ctx[2]);
}

/* A successful call is recorded by on_exec, from what the kernel really started. */
__noinline int record_failed_exec(void)
{
	struct scratch *scratch = scratch_of_cpu();
	struct exec_record *record;

	if (!scratch || !scratch->call.result)
		return 0;
	record = START_RECORD(exec_record, scratch);
	fill_header(&record->header, RECORD_EXEC, scratch->call.plan.class, scratch->call.plan.number, scratch->call.result);
	record->header.flags = scratch->call.header_flags;
	fill_task(&record->task, current_task());
	record->filename = span_of(append_user_text(scratch->call.arguments[scratch->call.plan.first_path & 7]));
	return emit(sizeof(*record), scratch->call.plan.class);
}
