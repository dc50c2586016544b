/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The open family: the path as given, and the file that was really opened. */
#include "given.h"

struct user_open_how {
	u64 flags;
	u64 mode;
	u64 resolve;
};

static __always_inline void fill_open_flags(struct open_record *record, struct scratch *scratch)
{
	struct call_plan *plan = &scratch->call.plan;
	struct user_open_how how = {};

	if (plan->open_how >= 0) {
		bpf_probe_read_user(&how, sizeof(how), (void *)argument_of(scratch, plan->open_how));
		record->resolve = how.resolve;
	} else {
		if (plan->open_flags >= 0)
			how.flags = argument_of(scratch, plan->open_flags);
		if (plan->open_mode >= 0)
			how.mode = argument_of(scratch, plan->open_mode);
	}
	if (is_ring_request(scratch))
		record->resolve = scratch->call.submission.resolve;
	record->flags = how.flags;
	record->mode = how.mode;
}

__noinline int record_open(void)
{
	struct scratch *scratch = scratch_of_cpu();
	struct open_record *record;
	struct file *file;

	if (!scratch)
		return 0;
	record = START_RECORD(open_record, scratch);
	fill_call_header(&record->header, scratch, RECORD_OPEN);
	fill_first_path(&record->path, scratch);
	fill_open_flags(record, scratch);
	file = file_made(scratch);
	if (file) {
		fill_open_file(&record->file, file);
		record->created = !!(BPF_CORE_READ(file, f_mode) & FMODE_CREATED);
	}
	return emit(sizeof(*record), scratch->call.plan.class);
}
