/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files and sockets as the kernel has them: what a descriptor really refers to. */
#pragma once

#include "emit.h"

#define OVERLAYFS_MAGIC 0x794c7630
/* Kernel internal: the open created the file. */
#define FMODE_CREATED 0x100000

/* As stat(2) encodes a device. */
static __always_inline u64 user_device(u32 device)
{
	u32 major = device >> 20, minor = device & 0xfffff;

	return (minor & 0xff) | (major << 8) | ((u64)(minor & ~0xffU) << 12);
}

/* The inode in the upper layer that an overlay shows; null when it shows that of a lower one. */
static __always_inline struct inode *upper_inode(struct inode *inode)
{
	u64 upper_at = (u64)inode;
	struct dentry *upper = NULL;

	if (bpf_core_type_exists(struct ovl_inode))
		upper_at += bpf_core_field_offset(struct ovl_inode, __upperdentry) -
			    bpf_core_field_offset(struct ovl_inode, vfs_inode);
	else /* overlayfs is a module, its types are not at hand: the member follows the inode since 4.13 */
		upper_at += bpf_core_type_size(struct inode);
	bpf_probe_read_kernel(&upper, sizeof(upper), (void *)upper_at);
	return upper ? BPF_CORE_READ(upper, d_inode) : NULL;
}

/* The inode in the lower layer that an overlay shows; null where overlayfs is a module and its types are not at hand. */
static __always_inline struct inode *lower_inode(struct inode *inode)
{
	struct ovl_inode *overlay;
	struct ovl_inode___path *by_path;
	struct ovl_inode___inode *by_inode;

	if (!bpf_core_type_exists(struct ovl_inode))
		return NULL;
	overlay = (void *)inode - bpf_core_field_offset(struct ovl_inode, vfs_inode);
	by_path = (void *)overlay;
	by_inode = (void *)overlay;
	if (bpf_core_field_exists(overlay->oe))
		return BPF_CORE_READ(overlay, oe, __lowerstack[0].dentry, d_inode);
	if (bpf_core_field_exists(by_path->lowerpath))
		return BPF_CORE_READ(by_path, lowerpath.dentry, d_inode);
	if (bpf_core_field_exists(by_inode->lower))
		return BPF_CORE_READ(by_inode, lower);
	return NULL;
}

/* Appends which file of a layer it is that an overlay shows: the one that has other names elsewhere. */
static __always_inline struct span append_identity(struct scratch *scratch, struct inode *inode)
{
	u32 start = scratch->tail_bytes;
	struct file_identity identity = {};

	if (!inode || start > TAIL_START_MAX)
		return span_of(0);
	identity.device = user_device(BPF_CORE_READ(inode, i_sb, s_dev));
	identity.inode = BPF_CORE_READ(inode, i_ino);
	__builtin_memcpy(&scratch->bytes[FIXED_BYTES_MAX + start], &identity, sizeof(identity));
	scratch->tail_bytes = start + sizeof(identity);
	return span_of(span_value(start, sizeof(identity), false));
}

static __always_inline void fill_layer(struct file_object *out, struct scratch *scratch, struct inode *inode)
{
	struct inode *upper = upper_inode(inode);

	out->flags |= upper ? FILE_UPPER_LAYER : FILE_LOWER_LAYER;
	out->layer = append_identity(scratch, upper ? upper : lower_inode(inode));
}

static __always_inline void fill_file(struct file_object *out, const struct path *path, struct inode *inode)
{
	struct scratch *scratch = scratch_of_cpu();
	struct super_block *super;
	struct path place = {};
	struct head head = {};
	unsigned long magic;

	if (!scratch || !inode)
		return;
	bpf_probe_read_kernel(&head, sizeof(head), inode);
	bpf_probe_read_kernel(&place, sizeof(place), path);
	super = HEAD_MEMBER(&head, inode, struct inode, i_sb);
	magic = BPF_CORE_READ(super, s_magic);
	out->device = user_device(BPF_CORE_READ(super, s_dev));
	out->inode = HEAD_MEMBER(&head, inode, struct inode, i_ino);
	out->links = HEAD_MEMBER(&head, inode, struct inode, i_nlink);
	out->mode = HEAD_MEMBER(&head, inode, struct inode, i_mode);
	out->filesystem_magic = magic;
	out->path = span_of(append_path((u64)place.dentry, (u64)place.mnt));
	out->flags = FILE_PRESENT | scratch->path_flags;
	if (magic == OVERLAYFS_MAGIC)
		fill_layer(out, scratch, inode);
}

static __always_inline void fill_open_file(struct file_object *out, struct file *file)
{
	fill_file(out, &file->f_path, BPF_CORE_READ(file, f_inode));
}

/* A directory that a task holds: its current directory or its root. */
static __always_inline void fill_directory(struct file_object *out, const struct path *path)
{
	fill_file(out, path, BPF_CORE_READ(path, dentry, d_inode));
}

/* The open file behind a descriptor of the current task. */
static __always_inline struct file *file_of_fd(s32 fd)
{
	struct fdtable *table;
	struct file **files;
	struct file *file = NULL;

	if (fd < 0)
		return NULL;
	table = BPF_CORE_READ(current_task(), files, fdt);
	if ((u32)fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	files = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), &files[fd]);
	return file;
}

static __always_inline bool is_socket(struct file *file)
{
	return (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) == S_IFSOCK;
}

/* Appends the address that a unix socket is bound to, as the bytes of a sockaddr_un. */
__noinline u32 append_unix_address(u64 unix_sock_address)
{
	struct scratch *scratch = scratch_of_cpu();
	struct unix_sock *sock = (void *)unix_sock_address;
	struct unix_address *address;
	u64 start, length;

	if (!scratch || !bpf_core_type_exists(struct unix_sock))
		return 0;
	address = BPF_CORE_READ(sock, addr);
	if (!address)
		return 0;
	start = scratch->tail_bytes;
	length = BPF_CORE_READ(address, len);
	/* sizeof(struct sockaddr_un) is 110. */
	if (start > TAIL_START_MAX || length > 128)
		return span_value(0, 0, true);
	KEEP_BOUND(start);
	KEEP_BOUND(length);
	if (bpf_probe_read_kernel(&scratch->bytes[FIXED_BYTES_MAX + start], length, &address->name[0]))
		return span_value(0, 0, true);
	scratch->tail_bytes = start + length;
	return span_value(start, length, false);
}

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10

static __always_inline void fill_inet(struct socket_object *out, struct sock *sock)
{
	if (out->family == AF_INET) {
		BPF_CORE_READ_INTO((u32 *)out->local_address, sock, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((u32 *)out->remote_address, sock, __sk_common.skc_daddr);
	} else if (bpf_core_field_exists(sock->__sk_common.skc_v6_daddr)) {
		BPF_CORE_READ_INTO(&out->local_address, sock, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&out->remote_address, sock, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	}
	out->local_port = BPF_CORE_READ(sock, __sk_common.skc_num);
	out->remote_port = __builtin_bswap16(BPF_CORE_READ(sock, __sk_common.skc_dport));
}

static __always_inline void fill_unix(struct socket_object *out, struct sock *sock)
{
	struct unix_sock *unix_sock = (void *)sock;

	out->unix_self = (u64)sock;
	if (!bpf_core_type_exists(struct unix_sock))
		return;
	out->unix_peer = (u64)BPF_CORE_READ(unix_sock, peer);
	out->unix_local = span_of(append_unix_address(out->unix_self));
	if (out->unix_peer)
		out->unix_remote = span_of(append_unix_address(out->unix_peer));
}

static __always_inline void fill_socket(struct socket_object *out, struct file *file)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sock = BPF_CORE_READ(socket, sk);

	if (!sock)
		return;
	out->present = 1;
	out->inode = BPF_CORE_READ(file, f_inode, i_ino);
	out->kind = BPF_CORE_READ(socket, type);
	out->family = BPF_CORE_READ(sock, __sk_common.skc_family);
	out->protocol = BPF_CORE_READ(sock, sk_protocol);
	out->state = BPF_CORE_READ(sock, __sk_common.skc_state);
	if (out->family == AF_INET || out->family == AF_INET6)
		fill_inet(out, sock);
	else if (out->family == AF_UNIX)
		fill_unix(out, sock);
}
