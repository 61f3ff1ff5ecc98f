/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the decoder and the executor take from the kernel, for the host-built
 * unit tests and fuzzers (-DVHM_USERSPACE).
 */
#ifndef EMUL_PORT_H
#define EMUL_PORT_H

#include <asm/kvm.h>
#include <asm/processor-flags.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define noinline __attribute_noinline__
#ifndef container_of
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#endif

#endif
