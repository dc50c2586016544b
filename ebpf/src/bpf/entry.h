/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Paths of calls that have begun and not ended, and their comparison with those at the end. */
#pragma once

#include "given.h"

struct entered {
	/* Pieces of `texts`. */
	struct span paths[2];
	u8 texts[2 * TEXT_BYTES_MAX];
};

#define ENTERED_HEAD_BYTES offsetof(struct entered, texts)

/* By thread. A call that finds no room is not compared; only calls that are running at one moment take room. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64);
	__type(value, struct entered);
} entered_calls SEC(".maps");

/* Compares a piece of the tail with a piece of the texts at the beginning. The verifier proves the loop once. */
__noinline int pieces_differ(u32 now, u32 then, u32 length)
{
	struct scratch *scratch = scratch_of_cpu();
	u64 id = bpf_get_current_pid_tgid();
	struct entered *entered = bpf_map_lookup_elem(&entered_calls, &id);
	u64 now_at, then_at, left = 0, right = 0;

	if (!scratch || !entered || now > TAIL_START_MAX || then > sizeof(entered->texts))
		return 0;
	now_at = (u64)scratch->bytes + FIXED_BYTES_MAX + now;
	then_at = (u64)entered->texts + then;
	for (u32 i = 0; i < TEXT_BYTES_MAX; i += sizeof(u64)) {
		if (i + sizeof(u64) > length)
			break;
		bpf_probe_read_kernel(&left, sizeof(left), (void *)(now_at + i));
		bpf_probe_read_kernel(&right, sizeof(right), (void *)(then_at + i));
		if (left != right)
			return 1;
	}
	left = right = 0;
	bpf_probe_read_kernel(&left, length & 7, (void *)(now_at + (length & ~7U)));
	bpf_probe_read_kernel(&right, length & 7, (void *)(then_at + (length & ~7U)));
	return left != right;
}

/* A text that could not be read, then or now, is no other text: its page may have been away. */
static __always_inline bool differs(struct span now, struct span then)
{
	if (!(now.length & ~SPAN_CUT) || !(then.length & ~SPAN_CUT))
		return false;
	if (now.length != then.length)
		return true;
	return pieces_differ(now.offset, then.offset, now.length & ~SPAN_CUT);
}

static __always_inline struct span append_then(struct entered *entered, struct span then)
{
	u32 offset = then.offset, length = then.length & ~SPAN_CUT;

	if (!length || offset + length > sizeof(entered->texts))
		return span_of(0);
	return span_of(append_kernel_bytes(&entered->texts[offset], length));
}

static __always_inline void record_changed(struct scratch *scratch, struct entered *entered, struct span *now)
{
	struct changed_record *record = FIXED_PART(changed_record, scratch);
	u32 tail_bytes = scratch->tail_bytes;

	__builtin_memset(record, 0, sizeof(*record));
	fill_call_header(&record->header, scratch, RECORD_CHANGED);
	scratch->tail_bytes = tail_bytes;
	record->now[0] = now[0];
	record->now[1] = now[1];
	record->then[0] = append_then(entered, entered->paths[0]);
	record->then[1] = append_then(entered, entered->paths[1]);
	emit(sizeof(*record), scratch->call.plan.class);
}

/* Records, after the record of a call, that a path of it was another one when the call began. */
__noinline int compare_paths(u32 first, u32 second)
{
	struct scratch *scratch = scratch_of_cpu();
	u64 id = bpf_get_current_pid_tgid();
	struct entered *entered = bpf_map_lookup_elem(&entered_calls, &id);
	struct span now[2] = { span_of(first), span_of(second) };

	if (!scratch || !entered)
		return 0;
	if (differs(now[0], entered->paths[0]) || differs(now[1], entered->paths[1]))
		record_changed(scratch, entered, now);
	bpf_map_delete_elem(&entered_calls, &id);
	return 0;
}
