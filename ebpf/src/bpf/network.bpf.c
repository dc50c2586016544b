/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls on sockets: addresses from the kernel's socket, and those that the call was given. */
#include "given.h"

/* sizeof(struct sockaddr_un), the longest address that is read. */
#define ADDRESS_BYTES_MAX 110
/* What Falco keeps of the data. */
#define DATA_BYTES_MAX 80

/* The address and the first piece of data of a call, wherever its arguments had them. */
struct message {
	u64 address;
	u64 address_length;
	u64 data;
	u64 data_length;
};

struct user_msghdr {
	u64 name;
	u32 name_length;
	u32 padding;
	u64 iov;
	u64 iov_count;
};

struct compat_msghdr {
	u32 name;
	u32 name_length;
	u32 iov;
	u32 iov_count;
};

/* struct mmsghdr: a header, a length of 32 bits, and what aligns it. */
#define MMSGHDR_BYTES 64
#define COMPAT_MMSGHDR_BYTES 32

static __always_inline void read_message_header(struct message *out, u64 at)
{
	struct user_msghdr header = {};
	u64 iov[2] = {};

	bpf_probe_read_user(&header, sizeof(header), (void *)at);
	out->address = header.name;
	out->address_length = header.name_length;
	if (!header.iov_count)
		return;
	bpf_probe_read_user(iov, sizeof(iov), (void *)header.iov);
	out->data = iov[0];
	out->data_length = iov[1];
}

static __always_inline void read_compat_message_header(struct message *out, u64 at)
{
	struct compat_msghdr header = {};
	u32 iov[2] = {};

	bpf_probe_read_user(&header, sizeof(header), (void *)at);
	out->address = header.name;
	out->address_length = header.name_length;
	if (!header.iov_count)
		return;
	bpf_probe_read_user(iov, sizeof(iov), (void *)(u64)header.iov);
	out->data = iov[0];
	out->data_length = iov[1];
}

static __always_inline void read_arguments(struct message *out, struct scratch *scratch)
{
	struct call_plan *plan = &scratch->call.plan;
	u64 index = plan->flags & PLAN_MANY ? scratch->call.message_index : 0;

	if (plan->address >= 0) {
		out->address = argument_of(scratch, plan->address);
		out->address_length = argument_of(scratch, plan->address + 1);
		if (plan->flags & PLAN_RECEIVES) {
			u32 length = 0;

			bpf_probe_read_user(&length, sizeof(length), (void *)out->address_length);
			out->address_length = length;
		}
	}
	if (plan->data >= 0) {
		out->data = argument_of(scratch, plan->data);
		out->data_length = argument_of(scratch, plan->data + 1);
	}
	if (plan->message < 0)
		return;
	if (scratch->call.header_flags & HEADER_COMPAT)
		read_compat_message_header(out, argument_of(scratch, plan->message) + index * COMPAT_MMSGHDR_BYTES);
	else
		read_message_header(out, argument_of(scratch, plan->message) + index * MMSGHDR_BYTES);
}

/* Bytes that went through one message of several, which stand behind its header. */
static __always_inline u32 bytes_of_message(struct scratch *scratch)
{
	u64 at = argument_of(scratch, scratch->call.plan.message), index = scratch->call.message_index;
	u32 length = 0;

	if (scratch->call.header_flags & HEADER_COMPAT)
		at += index * COMPAT_MMSGHDR_BYTES + COMPAT_MMSGHDR_BYTES - 4;
	else
		at += index * MMSGHDR_BYTES + MMSGHDR_BYTES - 8;
	bpf_probe_read_user(&length, sizeof(length), (void *)at);
	return length;
}

static __always_inline u64 at_most(u64 value, u64 limit)
{
	return value < limit ? value : limit;
}

static __always_inline void fill_message(struct network_record *record, struct scratch *scratch)
{
	struct message message = {};
	s64 result = scratch->call.result;
	u64 length;

	read_arguments(&message, scratch);
	if (is_ring_request(scratch) && scratch->call.submission.address.length)
		record->given = scratch->call.submission.address;
	else if (message.address)
		record->given = span_of(append_user_bytes(message.address, at_most(message.address_length, ADDRESS_BYTES_MAX)));
	/* A failed receive has filled nothing. */
	if (result < 0 && (scratch->call.plan.flags & PLAN_RECEIVES))
		return;
	if (result >= 0 && (scratch->call.plan.flags & PLAN_MANY))
		result = bytes_of_message(scratch);
	length = result >= 0 ? at_most(message.data_length, result) : message.data_length;
	if (message.data)
		record->data = span_of(append_user_bytes(message.data, at_most(length, DATA_BYTES_MAX)));
}

__noinline int record_network(void)
{
	struct scratch *scratch = scratch_of_cpu();
	struct network_record *record;
	struct file *file;
	s32 fd = -1;

	if (!scratch)
		return 0;
	record = START_RECORD(network_record, scratch);
	fill_call_header(&record->header, scratch, RECORD_NETWORK);
	copy_arguments(record->arguments, scratch);
	if (scratch->call.plan.fd >= 0)
		fd = argument_of(scratch, scratch->call.plan.fd);
	record->fd = fd;
	fill_message(record, scratch);
	file = scratch->call.plan.flags & PLAN_RESULT_SOCKET ? file_made(scratch) : file_of_argument(scratch, fd);
	if (file && is_socket(file))
		fill_socket(&record->socket, file);
	return emit(sizeof(*record), scratch->call.plan.class);
}

/* Messages of one call that are recorded one by one; what Falco's probe looks at. */
#define MESSAGES_MAX 16

/* One record for each message that the call handled, one in all when it failed. */
__noinline int record_messages(void)
{
	struct scratch *scratch = scratch_of_cpu();

	if (!scratch)
		return 0;
	for (u32 i = 0; i < MESSAGES_MAX; i++) {
		if (i && (s64)i >= scratch->call.result)
			break;
		scratch->call.message_index = i;
		record_network();
	}
	return 0;
}
