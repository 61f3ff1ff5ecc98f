/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What hv adds to the KVM ioctl API of <linux/kvm.h>: a device path, and a
 * number range for extensions of its own.
 *
 * Every ioctl and structure of the KVM API keeps its number and layout on
 * /dev/hv; this file restates none of them.  A program that never includes it
 * works on /dev/hv all the same.
 */
#ifndef _UAPI_HV_H
#define _UAPI_HV_H

#define HV_DEV_PATH	"/dev/hv"

/* ioctl "type" byte reserved for hv's own calls; none exists yet. */
#define HV_IOC_MAGIC	0xe8

/*
 * Argument of KVM_CHECK_EXTENSION.  hv answers HV_API_VERSION, KVM answers 0,
 * so it also tells the two apart.  KVM numbers its capabilities upwards from
 * 0; hv's start at the letters "hv" in the upper half.
 */
#define HV_CAP_VERSION	0x68760000

/* Raised when an ioctl or a capability of hv's own is added. */
#define HV_API_VERSION	1

#endif
