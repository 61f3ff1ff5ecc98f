/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the decoder and the executor need from their surroundings.
 *
 * The same sources are compiled into hv.ko and into the host-built unit tests
 * and fuzzers (-DVHM_USERSPACE), which bring a stand-in for the kernel. This
 * file is the only one that knows which.
 */
#ifndef VHM_EMUL_PORT_H
#define VHM_EMUL_PORT_H

#ifdef VHM_USERSPACE
#include <emul_port.h>
#else
#include <asm/kvm.h>
#include <asm/processor-flags.h>
#include <linux/compiler.h>
#include <linux/string.h>
#include <linux/types.h>
#endif

#endif
