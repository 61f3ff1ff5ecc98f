/* SPDX-License-Identifier: GPL-2.0-only */
/* In place of the unit tests': the types are those of the interrupt room's port. */
#include <asm/kvm.h>
#include <asm/processor-flags.h>
#include "shim.h"
