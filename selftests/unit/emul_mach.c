// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner side of struct vhm_emul for the unit tests; see emul_mach.h.
 */
#include "emul_mach.h"

enum { REC_READ = 1, REC_WRITE, REC_CMPXCHG, REC_IN, REC_OUT };

#define VEC_PF 14

static struct mach *to_mach(struct vhm_emul *e)
{
	return container_of(e, struct mach, e);
}

u64 mach_random(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static void mach_segment(struct vhm_emul *e, enum vhm_sreg nr,
			 struct vhm_seg *seg)
{
	*seg = to_mach(e)->seg[nr];
}

static void mach_set_segment(struct vhm_emul *e, enum vhm_sreg nr,
			     const struct vhm_seg *seg)
{
	to_mach(e)->seg[nr] = *seg;
}

/* The record of the next access, checked against what was recorded before. */
static struct mach_record *next_record(struct mach *m, u8 kind, u64 addr,
				       unsigned int size)
{
	struct mach_record *r;

	if (m->pos == MACH_RECORDS) {
		m->broken = "more accesses than an iteration may make";
		m->pos = 0;
	}
	r = &m->rec[m->pos++];
	if (m->pos > m->used)
		m->used = m->pos;
	if (r->kind && (r->kind != kind || r->addr != addr || r->size != size))
		m->broken = "accesses differ when run again";
	r->kind = kind;
	r->addr = addr;
	r->size = size;
	return r;
}

/* Device memory is recorded when it is accessed; RAM is not. */
static bool is_device(const struct mach *m, u64 la)
{
	return m->lazy || (la >= m->dev_from && la < m->dev_to);
}

/* Some of the devices are in userspace. */
static enum vhm_emul_status device_status(struct mach *m)
{
	return m->lazy > 1 && mach_random(&m->rng) % m->lazy ? VHM_EMUL_OK :
	       VHM_EMUL_USER;
}

static enum vhm_emul_status page_fault(struct mach *m, u64 la, bool present,
				       bool write)
{
	m->e.exc.addr = la;
	return vhm_emul_raise(&m->e, VEC_PF, (present ? 1 : 0) |
			      (write ? 2 : 0) | (m->e.cpl == 3 ? 4 : 0));
}

static enum vhm_emul_status check(struct mach *m, u64 la, unsigned int size,
				  unsigned int acc)
{
	bool write = acc & VHM_ACC_WRITE;
	u64 off = la - m->mem_base;

	if (off >= m->mem_size)
		return page_fault(m, la, false, write);
	if (size > m->mem_size - off)
		return page_fault(m, m->mem_base + m->mem_size, false, write);
	if (write && la + size > m->ro_from)
		return page_fault(m, la, true, write);
	return VHM_EMUL_OK;
}

static enum vhm_emul_status mach_read(struct mach *m, u64 la, void *buf,
				      unsigned int size, unsigned int acc)
{
	struct mach_record *r;

	if (size < 1 || size > 16)
		m->broken = "size of a read";
	if (check(m, la, size, acc))
		return VHM_EMUL_FAULT;
	r = next_record(m, REC_READ, la, size);
	if (!r->completed) {
		memcpy(r->data, m->mem + (la - m->mem_base), size);
		r->completed = is_device(m, la);
		if (r->completed && device_status(m))
			return VHM_EMUL_USER;
	}
	memcpy(buf, r->data, size);
	return VHM_EMUL_OK;
}

static enum vhm_emul_status write_as(struct mach *m, u8 kind, u64 la,
				     const void *buf, unsigned int size)
{
	struct mach_record *r;

	if (size < 1 || size > 16)
		m->broken = "size of a write";
	if (check(m, la, size, VHM_ACC_WRITE))
		return VHM_EMUL_FAULT;
	r = next_record(m, kind, la, size);
	if (r->completed) {
		if (memcmp(r->data, buf, size))
			m->broken = "other data written when run again";
		return VHM_EMUL_OK;
	}
	memcpy(m->mem + (la - m->mem_base), buf, size);
	memcpy(r->data, buf, size);
	r->completed = is_device(m, la);
	return r->completed ? device_status(m) : VHM_EMUL_OK;
}

static void check_old(struct mach *m, u64 la, const void *old,
		      unsigned int size)
{
	unsigned int i;

	for (i = m->pos; i--;)
		if (m->rec[i].kind == REC_READ && m->rec[i].addr == la)
			break;
	if (i >= m->pos || memcmp(m->rec[i].data, old, size))
		m->broken = "cmpxchg without the value that was read";
	m->locked++;
}

static enum vhm_emul_status mach_probe(struct mach *m, u64 la,
				       unsigned int size, unsigned int acc)
{
	if (size > 4 && (la & 0xfff) + size > 0x1000)
		m->broken = "probe beyond a page";
	if (check(m, la, size, acc))
		return VHM_EMUL_FAULT;
	return la + size > m->dev_from && la < m->dev_to ? VHM_EMUL_USER :
	       VHM_EMUL_OK;
}

static enum vhm_emul_status mach_mem(struct vhm_emul *e, u64 la, void *buf,
				     const void *old, unsigned int size,
				     unsigned int acc)
{
	struct mach *m = to_mach(e);

	if (acc & VHM_ACC_PROBE)
		return mach_probe(m, la, size, acc);
	if (acc != VHM_ACC_WRITE)
		return mach_read(m, la, buf, size, acc);
	if (old)
		check_old(m, la, old, size);
	return write_as(m, old ? REC_CMPXCHG : REC_WRITE, la, buf, size);
}

static void mach_commit(struct vhm_emul *e)
{
	struct mach *m = to_mach(e);

	memset(m->rec, 0, m->used * sizeof(m->rec[0]));
	m->pos = m->used = 0;
}

/* Port access: data moves once, however often the executor asks. */
static enum vhm_emul_status mach_pio(struct vhm_emul *e, u16 port,
				     unsigned int size, unsigned int count,
				     bool in)
{
	struct mach *m = to_mach(e);
	struct mach_record *r = next_record(m, in ? REC_IN : REC_OUT, port,
					    size);
	unsigned int i;

	if ((size != 1 && size != 2 && size != 4) || !count ||
	    size * count > sizeof(m->pio_buf))
		m->broken = "size of a port access";
	if (r->completed)
		return VHM_EMUL_OK;
	m->pio_calls++;
	for (i = 0; i < size * count; i++) {
		if (in)
			m->pio_buf[i] = m->port_data++;
		else
			m->port_sum = m->port_sum * 31 + m->pio_buf[i];
	}
	/* The port has been asked: the answer stays, whoever gave it. */
	r->completed = 1;
	return m->lazy ? device_status(m) : VHM_EMUL_OK;
}

static enum vhm_emul_status mach_control(struct vhm_emul *e, unsigned int nr,
					 u64 *val, bool write)
{
	struct mach *m = to_mach(e);
	u64 *reg = nr == VHM_CTL_INVLPG ? &m->invlpg :
		   nr >= VHM_CTL_DR ? &m->dr[nr - VHM_CTL_DR] : &m->cr[nr];

	if (write)
		*reg = *val;
	else
		*val = *reg;
	return VHM_EMUL_OK;
}

static enum vhm_emul_status mach_xmm(struct vhm_emul *e, unsigned int nr,
				     void *val, bool write)
{
	u8 *reg = to_mach(e)->xmm[nr];

	memcpy(write ? reg : val, write ? val : reg, 16);
	return VHM_EMUL_OK;
}

static const struct vhm_emul_ops mach_ops = {
	.segment = mach_segment,
	.set_segment = mach_set_segment,
	.mem = mach_mem,
	.commit = mach_commit,
	.pio = mach_pio,
	.control = mach_control,
	.xmm = mach_xmm,
};

void mach_init(struct mach *m, enum vhm_insn_mode mode, u8 *mem, u64 base,
	       u64 size)
{
	unsigned int i;

	mach_commit(&m->e);
	memset(m, 0, offsetof(struct mach, rec));
	m->mem = mem;
	m->mem_base = base;
	m->mem_size = size;
	m->ro_from = ~0ull;
	m->e.ops = &mach_ops;
	m->e.gpr = m->gpr;
	m->e.rflags = 2;
	m->e.insn.mode = mode;
	m->e.prot = mode != VHM_INSN_16;
	m->e.la_bits = 48;
	m->e.max_iter = 16;
	m->e.pio_buf = m->pio_buf;
	for (i = 0; i < VHM_NR_SREG; i++) {
		m->seg[i].limit = m->e.prot ? 0xffffffff : 0xffff;
		m->seg[i].attr = VHM_SEG_P | VHM_SEG_S | 3 |
				 (m->e.prot ? VHM_SEG_DB : 0) |
				 (i == VHM_CS ? VHM_SEG_CODE : 0);
	}
}

enum vhm_insn_status mach_decode(struct mach *m, const u8 *bytes,
				 unsigned int n)
{
	return vhm_insn_decode(&m->e.insn, bytes, n, m->e.insn.mode);
}

enum vhm_emul_status mach_run(struct mach *m)
{
	enum vhm_emul_status st;
	u64 gpr[16], rip, rflags;

	for (;;) {
		m->pos = 0;
		memcpy(gpr, m->gpr, sizeof(gpr));
		rip = m->e.rip;
		rflags = m->e.rflags;
		st = vhm_emul_exec(&m->e);
		if (st == VHM_EMUL_USER) {
			/* With REP, earlier iterations may have committed. */
			if (!(m->e.insn.prefix &
			      (VHM_PFX_REPE | VHM_PFX_REPNE)) &&
			    (memcmp(gpr, m->gpr, sizeof(gpr)) ||
			     rflags != m->e.rflags))
				m->broken = "registers changed by USER";
			m->users++;
		} else {
			mach_commit(&m->e);
			m->mores += st == VHM_EMUL_MORE;
		}
		if (st != VHM_EMUL_OK && rip != m->e.rip)
			m->broken = "rip moved without OK";
		if (m->broken || (st != VHM_EMUL_USER && st != VHM_EMUL_MORE))
			return st;
	}
}
