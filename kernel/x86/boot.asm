; How a core gets from the loader, or from reset, to 64-bit C on its own slice.
;
; Two doors for the boot core, both 32-bit and unpaged: multiboot2 (GRUB: eax
; magic, ebx tags) and the PVH note (ebx hvm_start_info). Any other core begins
; in the trampoline, in real mode. All meet in core_first.
;
; The .boot section is linked where it is loaded, and not mapped later. Interrupts
; are off throughout. The early page tables show the low 4 GiB at 0 and at the
; window, and the image at KERNEL_BASE; a core leaves them in gate.asm.

MULTIBOOT2_MAGIC equ 0x36d76289
PVH_MAGIC equ 0x336ec578
COM1 equ 0x3f8
CR4_PAE equ 0x20
CR0_LONG equ 0x80000011 ; PG, ET, PE; caches on
MSR_EFER equ 0xc0000080
EFER_LME equ 0x100
RECORD_STACK equ 0      ; struct boot_record

global entry_multiboot, entry_pvh
global trampoline_start, trampoline_end
extern boot_main, boot_record, core_prepare, arch_island_enter, boot_stack_top

; Paging and long mode on, from real or protected mode.
%macro LONG_MODE 0
	mov eax, CR4_PAE
	mov cr4, eax
	mov eax, early_pml4
	mov cr3, eax
	mov ecx, MSR_EFER
	rdmsr
	or eax, EFER_LME
	wrmsr
	mov eax, CR0_LONG
	mov cr0, eax
%endmacro

section .boot progbits alloc exec nowrite align=4096
multiboot2:
	dd 0xe85250d6, 0, .end - multiboot2
	dd -(0xe85250d6 + .end - multiboot2)
	dd 6, 8, 0, 8 ; modules at page boundaries; end
.end:

bits 32
entry_multiboot:
	mov edi, eax
	jmp start32
entry_pvh:
	mov edi, PVH_MAGIC
start32:
	cli
	cld
	mov esi, ebx
	mov eax, 0x80000000
	cpuid
	cmp eax, 0x80000001
	jb no_long_mode
	mov eax, 0x80000001
	cpuid
	bt edx, 29
	jnc no_long_mode
	LONG_MODE
	lgdt [early_gdt_pointer]
	jmp 8:start64

no_long_mode:
	mov ebx, no_long_mode_text
.next:
	pause
	mov dx, COM1 + 5
	in al, dx
	test al, 0x20
	jz .next
	mov al, [ebx]
	inc ebx
	mov dx, COM1
	out dx, al
	test al, al
	jnz .next
.stop:
	hlt
	jmp .stop
no_long_mode_text:
	db 13, 10, "skerry: this processor has no 64-bit mode (long mode); Skerry needs an x86-64 processor.", 13, 10, 0

bits 64
start64:
	mov rsp, boot_stack_top
	mov edi, edi
	mov esi, esi
	mov rax, boot_main
	call rax
other64:
	mov rdi, boot_record
	mov rax, core_first
	jmp rax

align 8
early_gdt:
	dq 0, 0x00af9a000000ffff, 0x00cf92000000ffff
early_gdt_pointer:
	dw early_gdt_pointer - early_gdt - 1
	dd early_gdt

align 4096
early_pml4:
	dq early_pdpt + 3
	times 255 dq 0
	dq early_pdpt + 3
	times 254 dq 0
	dq early_pdpt_high + 3
early_pdpt:
	dq early_pd + 3, early_pd + 0x1003, early_pd + 0x2003, early_pd + 0x3003
	times 508 dq 0
early_pdpt_high:
	times 510 dq 0
	dq early_pd + 3, 0
early_pd:
%assign page 0
%rep 2048
	dq page + 0x83
%assign page page + 0x200000
%endrep

section .rodata progbits alloc noexec nowrite align=16
; A copy of this lies in a page below 640 KiB.
bits 16
trampoline_start:
	cli
	cld
	mov ax, cs
	mov ds, ax
	LONG_MODE
	o32 lgdt [.gdt_pointer - trampoline_start]
	jmp dword 8:other64
.gdt_pointer:
	dw early_gdt_pointer - early_gdt - 1
	dd early_gdt
trampoline_end:

bits 64
section .text progbits alloc exec nowrite align=16
; rdi: this core's boot record. First on the stack's physical address, then on its own.
core_first:
	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov rsp, [rdi + RECORD_STACK]
	xor ebp, ebp
	call core_prepare
	mov rdi, rax
	mov rsi, rdx
	jmp arch_island_enter

section .note.pvh progbits alloc noexec nowrite align=4
	dd 4, 8, 18 ; name, description, XEN_ELFNOTE_PHYS32_ENTRY
	db "Xen", 0
	dq entry_pvh
section .note.GNU-stack noalloc noexec nowrite progbits
