/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All programs as one object: one load, one set of maps. */
#include "exec.bpf.c"
#include "process.bpf.c"
#include "open.bpf.c"
#include "network.bpf.c"
#include "path.bpf.c"
#include "dup.bpf.c"
#include "scalar.bpf.c"
#include "syscall.bpf.c"
#include "entry.bpf.c"
#include "io_uring.bpf.c"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
