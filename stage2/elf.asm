; SPDX-License-Identifier: MIT
;
; The kernel's ELF header and segments, checked before a byte of it is placed.
;
; Mode: protected. In: first chunk at BOUNCE_PHYS, manifest, kernel_base. Out: segments,
; segment_count, entry_phys. Keeps all registers.

%include "stage2/stage2.inc"

extern segments, segment_count, kernel_base, entry_phys, facts_take, report_facts

; ELF64 (System V ABI, generic part, chapters 4 and 5).
%define ELF             BOUNCE_PHYS
%define E_TYPE          16
%define E_MACHINE       18
%define E_ENTRY         24
%define E_PHOFF         32
%define E_PHENTSIZE     54
%define E_PHNUM         56
%define PH_BYTES        56
%define P_TYPE          0
%define P_FLAGS         4
%define P_OFFSET        8
%define P_VADDR         16
%define P_PADDR         24
%define P_FILESZ        32
%define P_MEMSZ         40
%define PT_LOAD         1
%define ELF_HEAD_BYTES  64

; elf_rule CONDITION, "name": the condition breaks the rule.
%macro elf_rule 2
        j%-1    %%kept
        call    elf_bad
        db      %2, 0
%%kept:
%endmacro

section .body
bits 32
global elf_check
elf_check:
        pushad
        mov     esi, ELF
        cmp     dword [esi], 0x464C457F
        elf_rule ne, "no ELF magic"
        cmp     word [esi + 4], 0x0102
        elf_rule ne, "not 64-bit little-endian"
        cmp     word [esi + E_MACHINE], 62
        elf_rule ne, "not x86-64"
        movzx   eax, word [esi + E_TYPE]
        sub     eax, 2
        cmp     eax, 1
        elf_rule a, "neither EXEC nor DYN"
        cmp     word [esi + E_PHENTSIZE], PH_BYTES
        elf_rule ne, "program header size"
        movzx   ecx, word [esi + E_PHNUM]
        test    ecx, ecx
        elf_rule z, "no program headers"
        imul    eax, ecx, PH_BYTES
        mov     edx, [esi + E_PHOFF]
        cmp     dword [esi + E_PHOFF + 4], 0
        elf_rule ne, "program headers too far"
        cmp     edx, CHUNK_BYTES
        elf_rule a, "program headers too far"
        add     eax, edx
        mov     ebx, [MANIFEST_PHYS + sizeof_manifest_head + manifest_entry_bytes]
        cmp     ebx, CHUNK_BYTES
        jbe     .have
        mov     ebx, CHUNK_BYTES
.have:  cmp     eax, ebx
        elf_rule a, "program headers beyond the first chunk"

        lea     esi, [edx + ELF]
        mov     edi, segments
        xor     ebp, ebp                        ; end of the segment before, in memory
.segment:
        cmp     dword [esi + P_TYPE], PT_LOAD
        jne     .next
        cmp     dword [segment_count], SEGMENT_MAX
        elf_rule ae, "too many segments"
        mov     eax, [esi + P_OFFSET + 4]
        or      eax, [esi + P_FILESZ + 4]
        or      eax, [esi + P_PADDR + 4]
        or      eax, [esi + P_MEMSZ + 4]
        elf_rule nz, "a segment of more than 4 GiB"

; Bytes in the file: inside it, and no more than in memory.
        mov     eax, [esi + P_OFFSET]
        mov     [edi + SEGMENT_OFFSET], eax
        mov     edx, [esi + P_FILESZ]
        mov     [edi + SEGMENT_FILE], edx
        add     eax, edx
        elf_rule c, "a segment beyond the file"
        cmp     eax, [MANIFEST_PHYS + sizeof_manifest_head + manifest_entry_bytes]
        elf_rule a, "a segment beyond the file"
        mov     eax, [esi + P_MEMSZ]
        mov     [edi + SEGMENT_MEMORY], eax
        cmp     edx, eax
        elf_rule a, "more bytes in file than in memory"

; Bytes in memory: behind the one before, inside what the manifest claims.
        mov     edx, [esi + P_PADDR]
        mov     [edi + SEGMENT_DEST], edx
        cmp     edx, ebp
        elf_rule b, "segments overlap or are not in order"
        add     eax, edx
        elf_rule c, "a segment beyond the manifest's span"
        cmp     eax, [MANIFEST_PHYS + sizeof_manifest_head + manifest_entry_memory_bytes]
        elf_rule a, "a segment beyond the manifest's span"
        mov     ebp, eax

; Does it hold the entry? 64-bit: entry - vaddr, below memsz.
        test    byte [esi + P_FLAGS], 1
        jz      .counted
        mov     eax, [ELF + E_ENTRY]
        mov     edx, [ELF + E_ENTRY + 4]
        sub     eax, [esi + P_VADDR]
        sbb     edx, [esi + P_VADDR + 4]
        jnz     .counted
        cmp     eax, [esi + P_FILESZ]
        jae     .counted
        add     eax, [esi + P_PADDR]
        add     eax, [kernel_base]
        mov     [entry_phys], eax
.counted:
        inc     dword [segment_count]
        add     edi, SEGMENT_BYTES
.next:  add     esi, PH_BYTES
        dec     ecx
        jnz     .segment
        cmp     dword [entry_phys], 0
        elf_rule e, "entry outside the executable segments"
        popad
        ret

elf_bad:
        pop     dword [broken_rule]
        mov     esi, ELF
        call    facts_take
        die     LOADER_KERNEL_ELF, "kernel.elf cannot be loaded: ", {TEXT_AT, broken_rule}, \
                " entry=", {8, report_facts + E_ENTRY}
broken_rule:
        dd      0
