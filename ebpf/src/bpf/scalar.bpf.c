/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls whose arguments are numbers, and at most one short text and one descriptor. */
#include "given.h"

__noinline int record_scalar(void)
{
	struct scratch *scratch = scratch_of_cpu();
	struct scalar_record *record;
	struct call_plan *plan;

	if (!scratch)
		return 0;
	plan = &scratch->call.plan;
	record = START_RECORD(scalar_record, scratch);
	fill_call_header(&record->header, scratch, RECORD_SCALAR);
	copy_arguments(record->arguments, scratch);
	fill_planned_file(FILE_PART(scalar_record));
	record->text = fill_text(scratch);
	if (plan->flags & PLAN_TASK)
		fill_task(&record->task, current_task());
	return emit(sizeof(*record), plan->class);
}
