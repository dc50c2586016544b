/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A descriptor was copied. */
#include "given.h"

__noinline int record_dup(void)
{
	struct scratch *scratch = scratch_of_cpu();
	struct dup_record *record;
	struct file *file;

	if (!scratch)
		return 0;
	record = START_RECORD(dup_record, scratch);
	fill_call_header(&record->header, scratch, RECORD_DUP);
	copy_arguments(record->arguments, scratch);
	file = file_made(scratch);
	if (file && is_socket(file))
		fill_socket(&record->socket, file);
	else if (file)
		fill_open_file(&record->file, file);
	return emit(sizeof(*record), scratch->call.plan.class);
}
