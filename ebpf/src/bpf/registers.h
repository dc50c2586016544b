/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Number and arguments of a system call in the saved registers of each architecture. */
#pragma once

#include "emit.h"

/* Bit of thread_info.status: the call came through the 32-bit entry. */
#define TS_COMPAT 2
#define X32_SYSCALL_BIT 0x40000000
/* Calls of x32 whose structures are those of the 32-bit table. */
#define X32_OWN_NUMBERS 512

/*
 * The registers at an address that the kernel gives no type: they are copied, and not to the stack, which is too small.
 */
static __always_inline struct pt_regs *copied_registers(u64 address)
{
	struct scratch *scratch = scratch_of_cpu();
	u32 bytes = bpf_core_type_size(struct pt_regs);

	if (!scratch || bytes > sizeof(scratch->registers))
		return NULL;
	if (bpf_probe_read_kernel(scratch->registers, bytes, (void *)address))
		return NULL;
	return (struct pt_regs *)scratch->registers;
}

#if defined(__TARGET_ARCH_x86)

static __always_inline u32 call_number(struct pt_regs *regs)
{
	u32 number = regs->orig_ax;

	return number == (u32)-1 ? number : number & ~X32_SYSCALL_BIT;
}

static __always_inline bool is_compat(void)
{
	if (TASK_IS_TYPED) {
		struct task_struct *task = bpf_get_current_task_btf();

		return task->thread_info.status & TS_COMPAT;
	}
	return BPF_CORE_READ(current_task(), thread_info.status) & TS_COMPAT;
}

static __always_inline void read_native_arguments(u64 *out, struct pt_regs *regs)
{
	out[0] = regs->di;
	out[1] = regs->si;
	out[2] = regs->dx;
	out[3] = regs->r10;
	out[4] = regs->r8;
	out[5] = regs->r9;
}

static __always_inline void read_compat_arguments(u64 *out, struct pt_regs *regs)
{
	out[0] = (u32)regs->bx;
	out[1] = (u32)regs->cx;
	out[2] = (u32)regs->dx;
	out[3] = (u32)regs->si;
	out[4] = (u32)regs->di;
	out[5] = (u32)regs->bp;
}

#elif defined(__TARGET_ARCH_arm64)

static __always_inline u32 call_number(struct pt_regs *regs)
{
	return regs->syscallno;
}

/* 32-bit programs on arm64 are not recorded. */
static __always_inline bool is_compat(void)
{
	return false;
}

static __always_inline void read_native_arguments(u64 *out, struct pt_regs *regs)
{
	out[0] = regs->orig_x0;
	for (int i = 1; i < 6; i++)
		out[i] = regs->regs[i];
}

static __always_inline void read_compat_arguments(u64 *out, struct pt_regs *regs)
{
	read_native_arguments(out, regs);
}

#endif
