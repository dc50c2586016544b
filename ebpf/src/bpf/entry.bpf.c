/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Paths of a call when it begins. The record of a call is made when it ends, from the memory of the program; the kernel
 * copied the path somewhere in between. One that reads differently at the end was changed meanwhile, which is of use only
 * to somebody who wants the record to be wrong: that is recorded as an act of its own.
 */
#include "entry.h"

static __always_inline struct span append_entered(struct scratch *scratch, s8 position)
{
	return position < 0 ? span_of(0) : span_of(append_user_text(argument_of(scratch, position)));
}

static __always_inline void keep_paths(struct scratch *scratch, const struct call_plan *plan)
{
	struct entered *entered = (struct entered *)&scratch->bytes[FIXED_BYTES_MAX - ENTERED_HEAD_BYTES];
	u64 id = bpf_get_current_pid_tgid();
	s8 first = plan->first_path, second = plan->second_path;

	scratch->tail_bytes = 0;
	entered->paths[0] = append_entered(scratch, first);
	entered->paths[1] = append_entered(scratch, second);
	bpf_map_update_elem(&entered_calls, &id, entered, BPF_ANY);
}

static __always_inline int record_entry(struct pt_regs *regs)
{
	u32 number = call_number(regs);
	struct call_row *row = bpf_map_lookup_elem(&calls, &number);
	struct scratch *scratch;

	if (!row || (!(row->plan.flags & PLAN_COMPARED) && row->compat == COMPAT_NONE))
		return 0;
	scratch = scratch_of_cpu();
	if (!scratch || !in_scope())
		return 0;
	if (is_compat())
		row = compat_row(row, &scratch->call, regs);
	else
		read_native_arguments(scratch->call.arguments, regs);
	if (row && row->plan.flags & PLAN_COMPARED)
		keep_paths(scratch, &row->plan);
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_sys_enter, struct pt_regs *regs)
{
	return record_entry(regs);
}

SEC("raw_tp/sys_enter")
int raw_sys_enter(u64 *ctx)
{
	struct pt_regs *regs = copied_registers(ctx[0]);

	return regs ? record_entry(regs) : 0;
}
