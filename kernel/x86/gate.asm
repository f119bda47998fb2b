; Between islands on one processor, and the end of a processor.
;
; First in the text, so that it is at the same address in every build of the CPU
; driver, with the same bytes as far as `entered`: there the other island's own
; text begins. Kernel pages are global, hence the detour by CR4. Interrupts are off.

bits 64

CR4_PGE equ 0x80

extern kernel_frame, core_enter
global update_enter, arch_island_enter, park_xapic, park_x2apic, gate_end

section .text.gate progbits alloc exec nowrite align=16
; void update_enter(paddr_t root, void *record, uint64_t *entry, uint64_t value): by other text, at *entry = value
update_enter:
	mov [rdx], rcx
; void arch_island_enter(paddr_t root, enum arrival how)
arch_island_enter:
	mov rax, cr4
	mov rdx, rax
	and rdx, ~CR4_PGE
	mov cr3, rdi
	mov cr4, rdx
	mov cr4, rax
gate_end:
entered:
	mov rsp, kernel_frame ; as behind an entry from user mode, whose place the next to run may fill
	call core_enter
	ud2

; void park_xapic(uint64_t *to, paddr_t root, volatile uint32_t *icr, uint32_t command)
; From the first store on another processor may run this island: only registers are used.
park_xapic:
	mov [rdi], rsi
	mov [rdx], ecx
	jmp parked

; void park_x2apic(uint64_t *to, paddr_t root, uint32_t msr, uint64_t command)
park_x2apic:
	mov rax, rcx
	mov ecx, edx
	mov rdx, rax
	shr rdx, 32
	mov [rdi], rsi
	mfence
	lfence
	wrmsr
parked:
	cli
	hlt
	jmp parked

section .note.GNU-stack noalloc noexec nowrite progbits
