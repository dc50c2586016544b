/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls that take one or two paths. */
#include "entry.h"

/* The file that the plan asks for: of a descriptor, or the current directory or root after the call. */
__noinline int fill_planned_file(u64 file_part_offset)
{
	struct scratch *scratch = scratch_of_cpu();
	struct fs_struct *fs = BPF_CORE_READ(current_task(), fs);
	struct file_object *out;
	struct file *file;
	s8 source;

	if (!scratch || file_part_offset > FIXED_BYTES_MAX - sizeof(*out))
		return 0;
	out = (struct file_object *)&scratch->bytes[file_part_offset];
	source = scratch->call.plan.fd;
	if (source == FILE_CWD) {
		fill_directory(out, &fs->pwd);
	} else if (source == FILE_ROOT) {
		fill_directory(out, &fs->root);
	} else if (source >= 0) {
		file = file_of_argument(scratch, argument_of(scratch, source));
		if (file)
			fill_open_file(out, file);
	}
	return 0;
}

/* Where the member `file` of a record lies in the scratch memory. */
#define FILE_PART(type) (FIXED_BYTES_MAX - sizeof(struct type) + offsetof(struct type, file))

__noinline int record_path(void)
{
	struct scratch *scratch = scratch_of_cpu();
	struct path_record *record;
	struct call_plan *plan;
	u32 first, second;

	if (!scratch)
		return 0;
	plan = &scratch->call.plan;
	record = START_RECORD(path_record, scratch);
	fill_call_header(&record->header, scratch, RECORD_PATH);
	copy_arguments(record->arguments, scratch);
	fill_first_path(&record->first, scratch);
	fill_second_path(&record->second, scratch);
	fill_planned_file(FILE_PART(path_record));
	record->text = fill_text(scratch);
	first = span_number(record->first.given);
	second = span_number(record->second.given);
	emit(sizeof(*record), plan->class);
	if (plan->flags & PLAN_COMPARED && !is_ring_request(scratch))
		compare_paths(first, second);
	return 0;
}
