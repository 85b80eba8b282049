; SPDX-License-Identifier: MIT
;
; The one door to the BIOS: protected mode -> real mode -> INT -> protected mode.
;
; Mode on entry: protected, flat, interrupts off, ESP within the real-mode stack.
; In:       on the stack: vector (removed). gate_eax..gate_ebp (upper halves count), gate_ds,
;           gate_es; zero unless set since gate_clear.
; Out:      the same fields as the BIOS left them, gate_flags. Every register and segment is
;           kept; the direction flag is clear.
; Stack:    about 60 bytes plus what the BIOS takes.
; A BIOS may destroy any register half, DF, IF, AC, GDTR, IDTR, CR0's cache bits, segment limits
; and A20: nothing of ours is in a register across the call, everything is loaded anew after it.
; What it did destroy is told by gate_watch.asm, which the body hangs into gate_before and
; gate_after.

%include "stage2/stage2.inc"

extern gdt_register, idt32_register, gate_before, gate_after, gate_gdtr, gate_idtr, gate_cr0
extern gate_esp, gate_target, gate_eax, gate_ebx, gate_ecx, gate_edx, gate_esi, gate_edi, gate_ebp
extern gate_ds, gate_es, gate_flags

section .head
bits 32
global bios_gate, gate_clear
bios_gate:
        pushad
        mov     [gate_esp], esp
        mov     ecx, [gate_before]
        jecxz   .vector
        call    ecx

; Fetch the vector before the table of real mode is in use.
.vector:
        mov     eax, [esp + 36]
        mov     eax, [eax * 4]
        mov     [gate_target], eax
        lidt    [idt_real]
        jmp     SEL_CODE16:.leave

bits 16
; Segments with 64 KiB limits first: the limits outlive the switch.
.leave: mov     ax, SEL_DATA16
        mov     ds, ax
        mov     es, ax
        mov     fs, ax
        mov     gs, ax
        mov     ss, ax
        mov     eax, cr0
        and     al, 0xFE
        mov     cr0, eax
        jmp     0:.real
.real:  xor     ax, ax
        mov     ds, ax
        mov     fs, ax
        mov     gs, ax
        mov     ss, ax

; NMI allowed again while the BIOS has the machine.
        mov     al, 0x0D
        out     0x70, al
        in      al, 0x71

        mov     eax, [gate_eax]
        mov     ebx, [gate_ebx]
        mov     ecx, [gate_ecx]
        mov     edx, [gate_edx]
        mov     esi, [gate_esi]
        mov     edi, [gate_edi]
        mov     ebp, [gate_ebp]
        mov     es, [gate_es]
        mov     ds, [gate_ds]

; As INT would do it. CF is set on the way in: E820 services exist that leave it alone on failure.
        sti
        stc
        pushf
        call    far [cs:gate_target]

        mov     [cs:gate_eax], eax
        mov     [cs:gate_ebx], ebx
        mov     [cs:gate_ecx], ecx
        mov     [cs:gate_edx], edx
        mov     [cs:gate_esi], esi
        mov     [cs:gate_edi], edi
        mov     [cs:gate_ebp], ebp
        mov     [cs:gate_ds], ds
        mov     [cs:gate_es], es
        pushf
        pop     word [cs:gate_flags]
; Falls into protected mode with ESP as remembered.

; pm_enter: from real mode with CS = 0 to protected mode on the stack at gate_esp; pops a PUSHAD
; frame and returns there with `ret 4`.
global pm_enter
pm_enter:
        cli
        xor     ax, ax
        mov     ds, ax
        mov     ss, ax
        mov     esp, [gate_esp]
        mov     al, 0x8D                        ; NMI masked as long as its vector is not ours
        out     0x70, al
        in      al, 0x71
        sgdt    [gate_gdtr]
        sidt    [gate_idtr]
        lgdt    [gdt_register]
        mov     eax, cr0
        mov     [gate_cr0], eax
        and     eax, 0x9FFFFFFF                 ; CD and NW: a BIOS may leave the caches off
        or      al, 1
        mov     cr0, eax
        jmp     dword SEL_CODE32:.protected
bits 32
.protected:
        mov     eax, SEL_DATA32
        mov     ds, eax
        mov     es, eax
        mov     fs, eax
        mov     gs, eax
        mov     ss, eax
        push    byte 2                          ; DF, and what POPF leaves alone: AC
        popfd
        lidt    [idt32_register]
        mov     ecx, [gate_after]
        jecxz   .done
        call    ecx
.done:  popad
        ret     4

; Zero all inputs of the next call.
gate_clear:
        push    edi
        push    ecx
        push    eax
        mov     edi, gate_eax
        push    byte 9                          ; gate_eax up to gate_flags
        pop     ecx
        xor     eax, eax
        rep stosd
        pop     eax
        pop     ecx
        pop     edi
        ret

global idt_real
idt_real:
        dw      0x3FF
        dd      0
