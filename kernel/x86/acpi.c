/*
 * The ACPI table parser: RSDP, RSDT or XSDT, MADT, SRAT, SLIT, FADT, HPET, and of
 * the DSDT's byte code the one package that power-off needs.
 *
 * Portable, no state, no arch: see acpi.h. A table with a wrong checksum is not
 * used; an entry that does not fit its table ends the walk over that table.
 */
#include "acpi.h"

#define RSDP_V1_BYTES 20
#define HEADER_BYTES 36

/* A table whose header and length have been checked. */
struct table {
	const uint8_t *data;
	uint32_t length;
};

struct walk {
	acpi_map_fn *map;
	void *context;
	struct acpi_info *out;
	const struct acpi_cores *cores;
	struct table srat; /* to be read when the cores are known */
	bool madt;
};

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static uint32_t get32(const uint8_t *p) { return get16(p) | (uint32_t)get16(p + 2) << 16; }
static uint64_t get64(const uint8_t *p) { return get32(p) | (uint64_t)get32(p + 4) << 32; }

static bool signature_is(const uint8_t *p, const char *text, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (p[i] != (uint8_t)text[i])
			return false;
	return true;
}

static bool checksum_ok(const uint8_t *p, uint32_t length)
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + p[i]);
	return sum == 0;
}

static bool table_map(struct walk *w, paddr_t p, struct table *t)
{
	const uint8_t *header = p ? w->map(w->context, p, HEADER_BYTES) : NULL;

	if (header == NULL)
		return false;
	t->length = get32(header + 4);
	if (t->length < HEADER_BYTES || t->length > ACPI_TABLE_MAX)
		return false;
	t->data = w->map(w->context, p, t->length);
	return t->data != NULL && checksum_ok(t->data, t->length);
}

/* --- MADT, 5.2.12 --------------------------------------------------------- */

static void core_add(struct walk *w, uint32_t apic_id, uint32_t flags)
{
	if (!(flags & 1) || w->out->cores == w->cores->max)
		return;
	for (unsigned i = 0; i < w->out->cores; i++)
		if (w->cores->apic_id[i] == apic_id)
			return;
	w->cores->node[w->out->cores] = 0;
	w->cores->apic_id[w->out->cores++] = apic_id;
}

static void ioapic_add(struct acpi_info *out, paddr_t base, uint32_t gsi)
{
	if (out->ioapics == ACPI_IOAPICS)
		return;
	out->ioapic[out->ioapics].base = base;
	out->ioapic[out->ioapics++].gsi = gsi;
}

static void isa_override(struct acpi_info *out, uint8_t irq, uint32_t gsi, uint16_t flags)
{
	if (irq >= ACPI_ISA_IRQS)
		return;
	out->isa[irq].gsi = gsi;
	out->isa[irq].flags = flags;
}

static void madt_entry(struct walk *w, const uint8_t *e, uint8_t length)
{
	if (e[0] == 0 && length >= 8)
		core_add(w, e[3], get32(e + 4));
	else if (e[0] == 1 && length >= 12)
		ioapic_add(w->out, get32(e + 4), get32(e + 8));
	else if (e[0] == 2 && length >= 10)
		isa_override(w->out, e[3], get32(e + 4), get16(e + 8));
	else if (e[0] == 5 && length >= 12)
		w->out->lapic = get64(e + 4);
	else if (e[0] == 9 && length >= 16)
		core_add(w, get32(e + 4), get32(e + 8));
}

/* MADT and SRAT are alike: entries of type and length, which begin at `at`. */
static void entries_walk(struct walk *w, const struct table *t, uint32_t at,
			 void (*entry)(struct walk *w, const uint8_t *e, uint8_t length))
{
	while (at <= t->length && t->length - at >= 2) {
		uint8_t length = t->data[at + 1];

		if (length < 2 || length > t->length - at)
			break;
		entry(w, t->data + at, length);
		at += length;
	}
}

static void madt_parse(struct walk *w, const struct table *t)
{
	if (t->length < 44)
		return;
	w->madt = true;
	w->out->lapic = get32(t->data + 36);
	entries_walk(w, t, 44, madt_entry);
}

/* --- SRAT, 5.2.16; SLIT, 5.2.17 ------------------------------------------------ */

static void core_place(struct walk *w, uint32_t apic_id, uint32_t domain, uint32_t flags)
{
	for (unsigned i = 0; i < w->out->cores && flags & 1 && domain < NODES_MAX; i++)
		if (w->cores->apic_id[i] == apic_id)
			w->cores->node[i] = (uint8_t)domain;
}

static void srat_entry(struct walk *w, const uint8_t *e, uint8_t length)
{
	if (e[0] == 0 && length >= 16)
		core_place(w, e[3], e[2] | (get32(e + 8) & 0xffffff00), get32(e + 4));
	else if (e[0] == 2 && length >= 24)
		core_place(w, get32(e + 8), get32(e + 4), get32(e + 12));
}

static void slit_parse(struct walk *w, const struct table *t)
{
	uint64_t count = t->length >= 44 ? get64(t->data + 36) : 0;

	if (count == 0 || count > t->length || count * count > t->length - 44)
		return;
	for (unsigned i = 0; i < count && i < NODES_MAX; i++)
		for (unsigned j = 0; j < count && j < NODES_MAX; j++)
			w->cores->distance[i][j] = t->data[44 + i * count + j];
}

/* --- \_S5 in the DSDT: 20.2, DefName of a DefPackage ------------------------ */

/* One integer of the package at `*p`; false if it is not one, or does not end before `end`. */
static bool aml_byte(const uint8_t **p, const uint8_t *end, uint8_t *value)
{
	unsigned bytes;

	if (*p == end)
		return false;
	if (**p <= 1) {
		*value = *(*p)++;
		return true;
	}
	bytes = **p == 0x0a ? 2 : **p == 0x0b ? 3 : **p == 0x0c ? 5 : 0;
	if (bytes == 0 || (uint64_t)(end - *p) < bytes)
		return false;
	*value = (*p)[1];
	*p += bytes;
	return true;
}

/* `p` follows the name. */
static bool s5_package(const uint8_t *p, const uint8_t *end, struct acpi_info *out)
{
	unsigned skip;
	uint8_t a, b;

	if (end - p < 2 || *p++ != 0x12)
		return false;
	skip = 1 + (*p >> 6) + 1; /* package length, count of elements */
	if ((uint64_t)(end - p) < skip)
		return false;
	p += skip;
	if (!aml_byte(&p, end, &a) || !aml_byte(&p, end, &b))
		return false;
	out->off_valid = true;
	out->off_a = a & 7;
	out->off_b = b & 7;
	return true;
}

static void s5_find(const struct table *t, struct acpi_info *out)
{
	const uint8_t *end = t->data + t->length;

	for (uint32_t i = HEADER_BYTES; i + 4 < t->length && !out->off_valid; i++)
		if (signature_is(t->data + i, "_S5_", 4))
			s5_package(t->data + i + 4, end, out);
}

/* --- FADT, 5.2.9; HPET -------------------------------------------------------- */

/* A port: from the generic address at `wide` if the table has it and it is one, else the old field. */
static uint16_t fadt_port(const struct table *t, unsigned narrow, unsigned wide)
{
	if (t->length >= wide + 12 && t->data[wide] == 1 && get64(t->data + wide + 4) != 0)
		return (uint16_t)get64(t->data + wide + 4);
	return (uint16_t)get32(t->data + narrow);
}

static void fadt_reset(const struct table *t, struct acpi_info *out)
{
	if (t->length < 129 || !(get32(t->data + 112) & 1u << 10))
		return;
	out->reset_space = t->data[116];
	out->reset_address = get64(t->data + 120);
	out->reset_value = t->data[128];
	out->reset_valid = out->reset_space <= 1 && out->reset_address != 0;
}

static void fadt_parse(struct walk *w, const struct table *t)
{
	struct acpi_info *out = w->out;
	struct table dsdt;
	paddr_t p;

	if (t->length < 116)
		return;
	out->smi_command = (uint16_t)get32(t->data + 48);
	out->acpi_enable = t->data[52];
	out->pm1a_control = fadt_port(t, 64, 172);
	out->pm1b_control = fadt_port(t, 68, 184);
	out->pm_timer = t->data[91] == 4 ? fadt_port(t, 76, 208) : 0;
	out->pm_timer_wide = get32(t->data + 112) & 1u << 8;
	out->century = t->data[108];
	fadt_reset(t, out);
	p = t->length >= 148 ? get64(t->data + 140) : 0;
	if (p == 0)
		p = get32(t->data + 40);
	if (table_map(w, p, &dsdt))
		s5_find(&dsdt, out);
}

static void hpet_parse(struct walk *w, const struct table *t)
{
	if (t->length >= 52 && t->data[40] == 0)
		w->out->hpet = get64(t->data + 44);
}

/* --- roots ------------------------------------------------------------------------ */

static void table_parse(struct walk *w, paddr_t p)
{
	struct table t;

	if (!table_map(w, p, &t))
		return;
	if (signature_is(t.data, "APIC", 4) && !w->madt)
		madt_parse(w, &t);
	else if (signature_is(t.data, "FACP", 4))
		fadt_parse(w, &t);
	else if (signature_is(t.data, "HPET", 4))
		hpet_parse(w, &t);
	else if (signature_is(t.data, "SLIT", 4))
		slit_parse(w, &t);
	else if (signature_is(t.data, "SRAT", 4))
		w->srat = t;
}

static bool root_parse(struct walk *w, paddr_t p, unsigned entry_bytes)
{
	struct table root;

	if (!table_map(w, p, &root) || !signature_is(root.data, entry_bytes == 8 ? "XSDT" : "RSDT", 4))
		return false;
	for (uint32_t at = HEADER_BYTES; root.length - at >= entry_bytes; at += entry_bytes)
		table_parse(w, entry_bytes == 8 ? get64(root.data + at) : get32(root.data + at));
	return true;
}

static bool rsdp_ok(const uint8_t *p, uint64_t bytes)
{
	return bytes >= RSDP_V1_BYTES && signature_is(p, "RSD PTR ", 8) && checksum_ok(p, RSDP_V1_BYTES);
}

bool acpi_parse(const void *rsdp, uint64_t rsdp_bytes, acpi_map_fn *map, void *context, struct acpi_info *out,
		const struct acpi_cores *cores)
{
	struct walk w = { .map = map, .context = context, .out = out, .cores = cores };
	const uint8_t *r = rsdp;

	*out = (struct acpi_info){ 0 };
	for (unsigned i = 0; i < ACPI_ISA_IRQS; i++)
		out->isa[i].gsi = i;
	if (r == NULL || !rsdp_ok(r, rsdp_bytes))
		return false;
	if (r[15] < 2 || rsdp_bytes < ACPI_RSDP_BYTES || !checksum_ok(r, ACPI_RSDP_BYTES) ||
	    !root_parse(&w, get64(r + 24), 8))
		root_parse(&w, get32(r + 16), 4);
	entries_walk(&w, &w.srat, 48, srat_entry);
	return w.madt;
}

const void *acpi_find_rsdp(const void *p, uint64_t length)
{
	const uint8_t *b = p;

	for (uint64_t i = 0; i + RSDP_V1_BYTES <= length; i += 16)
		if (rsdp_ok(b + i, length - i))
			return b + i;
	return NULL;
}
