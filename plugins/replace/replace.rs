// SPDX-License-Identifier: Apache-2.0
//
// Replaces a text in a document that the editor in examples/editor has open. As wordcount, it has
// no library; what crosses is in sdk/README.md, "What a guest sees".
#![no_std]

use core::arch::wasm32;

const PAGE: usize = 65536;
const USAGE: &str = "replace /OLD/NEW/, or with another character than /";

mod buffer {
    #[link(wasm_import_module = "buffer")]
    extern "C" {
        // buffer.lines(first: u32, count: u32) -> bytes
        pub fn lines(first: u32, count: u32) -> u64;
        // buffer.replace(first: u32, count: u32, text: bytes)
        pub fn replace(first: u32, count: u32, text: *const u8, length: usize);
    }
}

mod editor {
    #[link(wasm_import_module = "editor")]
    extern "C" {
        // editor.print(text: bytes)
        pub fn print(text: *const u8, length: usize);
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    wasm32::unreachable()
}

// --- memory --------------------------------------------------------------------------------------
//
// Only taken from the top. Each line gives back what was taken for it, and the call's end all.

extern "C" {
    static __heap_base: u8;
}

static mut TOP: usize = 0; // 0: nothing is taken

unsafe fn take(size: usize, alignment: usize) -> *mut u8 {
    let base = if TOP == 0 { &__heap_base as *const u8 as usize } else { TOP };
    let begin = (base + alignment - 1) & !(alignment - 1);
    let end = match begin.checked_add(size) {
        Some(end) => end,
        None => wasm32::unreachable(),
    };
    let have = wasm32::memory_size(0) * PAGE;

    if end > have && wasm32::memory_grow(0, (end - have + PAGE - 1) / PAGE) == usize::MAX {
        wasm32::unreachable()
    }
    TOP = end;
    begin as *mut u8
}

/// Memory for what the host passes in, which is never larger later.
#[no_mangle]
pub unsafe extern "C" fn cabi_realloc(_: *mut u8, _: usize, alignment: usize, size: usize) -> *mut u8 {
    take(size, alignment)
}

// --- texts ---------------------------------------------------------------------------------------

/// Bytes that are put together at the top of the memory.
struct Text {
    address: *mut u8,
    length: usize,
}

impl Text {
    unsafe fn new() -> Text {
        Text { address: take(0, 1), length: 0 }
    }

    unsafe fn bytes(&mut self, bytes: &[u8]) {
        let at = take(bytes.len(), 1);

        core::ptr::copy_nonoverlapping(bytes.as_ptr(), at, bytes.len());
        self.length += bytes.len();
    }

    unsafe fn number(&mut self, number: u32) {
        if number >= 10 {
            self.number(number / 10);
        }
        self.bytes(&[b'0' + (number % 10) as u8]);
    }
}

/// What stands between the separators: old and new. The last separator may be missing.
fn parse(arguments: &str) -> Option<(&[u8], &[u8])> {
    let separator = arguments.chars().next()?;
    let mut parts = arguments[separator.len_utf8()..].split(separator);
    let old = parts.next()?;
    let new = parts.next()?;

    if old.is_empty() || !parts.next().unwrap_or("").is_empty() || parts.next().is_some() {
        return None;
    }
    Some((old.as_bytes(), new.as_bytes()))
}

/// Puts the line together anew; how often `old` was in it.
unsafe fn replace_in(line: &[u8], old: &[u8], new: &[u8], text: &mut Text) -> u32 {
    let mut count = 0;
    let mut kept = 0; // up to here it is in the text
    let mut at = 0;

    while at + old.len() <= line.len() {
        if line[at..at + old.len()] == *old {
            text.bytes(&line[kept..at]);
            text.bytes(new);
            count += 1;
            at += old.len();
            kept = at;
        } else {
            at += 1;
        }
    }
    text.bytes(&line[kept..]);
    count
}

unsafe fn replace_all(first: u32, last: u32, old: &[u8], new: &[u8]) {
    let mut count = 0;
    let mut lines = 0;

    for number in first..last + 1 {
        let before = TOP;
        let line = buffer::lines(number, 1);
        let line = core::slice::from_raw_parts(line as u32 as *const u8, (line >> 32) as usize);
        let mut text = Text::new();
        let found = replace_in(line, old, new, &mut text);

        if found > 0 {
            buffer::replace(number, 1, text.address, text.length);
            count += found;
            lines += 1;
        }
        TOP = before;
    }
    let mut text = Text::new();
    text.number(count);
    text.bytes(b" replaced in ");
    text.number(lines);
    text.bytes(if lines == 1 { b" line" } else { b" lines" });
    editor::print(text.address, text.length);
}

// --- exports -------------------------------------------------------------------------------------

/// run(first: u32, last: u32, arguments: str) -> str
#[no_mangle]
pub unsafe extern "C" fn run(first: u32, last: u32, address: *const u8, length: usize) -> u64 {
    let bytes = core::slice::from_raw_parts(address, length);
    // The host has checked that it is UTF-8.
    let arguments = core::str::from_utf8_unchecked(bytes);
    let answer = match parse(arguments) {
        Some((old, new)) => {
            replace_all(first, last, old, new);
            ""
        }
        None => USAGE,
    };

    answer.as_ptr() as usize as u64 | (answer.len() as u64) << 32
}

/// The host has copied the result.
#[no_mangle]
pub unsafe extern "C" fn cabi_post_run(_: u64) {
    TOP = 0;
}
