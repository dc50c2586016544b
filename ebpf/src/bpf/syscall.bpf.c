/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The end of every system call of the machine. The first lookup decides whether anybody asked for this one; what
 * follows runs only for those. Arguments are still in the saved registers at this point.
 */
#include "given.h"
#include "registers.h"

#define F_DUPFD 0
#define F_DUPFD_CLOEXEC 1030
#define PR_SET_NAME 15
#define PR_SET_CHILD_SUBREAPER 36

/* Replaces the two arguments of socketcall by those of the call it stands for. Returns its native row. */
static __always_inline u16 unfold_socketcall(u64 *arguments)
{
	u32 which = arguments[0], raw[6] = {};
	u16 *native = bpf_map_lookup_elem(&socketcalls, &which);

	if (!native || *native == COMPAT_NONE)
		return COMPAT_NONE;
	/* It may lie at the end of a page: fewer words are read then. */
	if (bpf_probe_read_user(raw, sizeof(raw), (void *)arguments[1]))
		bpf_probe_read_user(raw, 3 * sizeof(raw[0]), (void *)arguments[1]);
	for (int i = 0; i < 6; i++)
		arguments[i] = raw[i];
	return *native;
}

static __always_inline bool passes(const struct call *call)
{
	u32 first = call->arguments[0], second = call->arguments[1];

	switch (call->plan.filter) {
	case FILTER_FCNTL_DUP:
		return second == F_DUPFD || second == F_DUPFD_CLOEXEC;
	case FILTER_PRCTL:
		return first == PR_SET_NAME || first == PR_SET_CHILD_SUBREAPER;
	default:
		return true;
	}
}

static __always_inline int record(u8 handler, u8 plan_flags)
{
	switch (handler) {
	case HANDLER_FAILED_EXEC:
		return record_failed_exec();
	case HANDLER_OPEN:
		return record_open();
	case HANDLER_NETWORK:
		return plan_flags & PLAN_MANY ? record_messages() : record_network();
	case HANDLER_PATH:
		return record_path();
	case HANDLER_DUP:
		return record_dup();
	case HANDLER_SCALAR:
		return record_scalar();
	default:
		return 0;
	}
}

/* Finds the plan of a call that came through the 32-bit table. */
static __always_inline struct call_row *compat_row(struct call_row *row, struct call *call, struct pt_regs *regs)
{
	u32 native = row->compat;

	read_compat_arguments(call->arguments, regs);
	call->header_flags = HEADER_COMPAT;
	if (native == COMPAT_SOCKETCALL)
		native = unfold_socketcall(call->arguments);
	return bpf_map_lookup_elem(&calls, &native);
}

static __always_inline int record_call(struct pt_regs *regs, long result)
{
	u32 number = call_number(regs);
	struct call_row *row = bpf_map_lookup_elem(&calls, &number);
	struct scratch *scratch;

	if (!row || (!row->plan.handler && row->compat == COMPAT_NONE))
		return 0;
	scratch = scratch_of_cpu();
	if (!scratch || !in_scope())
		return 0;
	if (is_compat()) {
		row = compat_row(row, &scratch->call, regs);
	} else {
		read_native_arguments(scratch->call.arguments, regs);
		scratch->call.header_flags = number >= X32_OWN_NUMBERS ? HEADER_COMPAT : 0;
	}
	if (!row || !row->plan.handler)
		return 0;
	scratch->call.plan = row->plan;
	scratch->call.result = result;
	if (!passes(&scratch->call))
		return 0;
	return record(scratch->call.plan.handler, scratch->call.plan.flags);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long result)
{
	return record_call(regs, result);
}

SEC("raw_tp/sys_exit")
int raw_sys_exit(u64 *ctx)
{
	struct pt_regs *regs = copied_registers(ctx[0]);

	return regs ? record_call(regs, ctx[1]) : 0;
}
