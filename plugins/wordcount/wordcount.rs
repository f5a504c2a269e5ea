// SPDX-License-Identifier: Apache-2.0
//
// Counts words, and tells the application's log about it: a guest in Rust, without any header,
// library or build tool of its own. What crosses is in sdk/README.md, "What a guest sees".
#![no_std]

use core::arch::wasm32;

const LEVEL_INFORMATION: i32 = 2;
const PAGE: usize = 65536;

mod app {
    #[link(wasm_import_module = "app")]
    extern "C" {
        // app.log(level: i32, text: str)
        pub fn log(level: i32, text: *const u8, length: usize);
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    wasm32::unreachable()
}

// --- memory --------------------------------------------------------------------------------------
//
// A stack: a call takes from the top, and gives everything back when it is over, from its argument
// on. So calls may also nest, through a host function that calls back.

extern "C" {
    static __heap_base: u8;
}

static mut TOP: usize = 0; // 0: nothing was taken yet

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

unsafe fn give_back_from(address: usize) {
    TOP = address;
}

/// Memory for what the host passes in. A size of 0 gives it back, which here the call's end does.
#[no_mangle]
pub unsafe extern "C" fn cabi_realloc(
    old: *mut u8,
    old_size: usize,
    alignment: usize,
    size: usize,
) -> *mut u8 {
    if size == 0 && !old.is_null() {
        return core::ptr::null_mut();
    }
    let new = take(size, alignment);
    if !old.is_null() {
        core::ptr::copy(old, new, if old_size < size { old_size } else { size });
    }
    new
}

// --- texts ---------------------------------------------------------------------------------------

unsafe fn text_of<'a>(address: *const u8, length: usize) -> &'a str {
    // The host has checked that it is UTF-8.
    core::str::from_utf8_unchecked(core::slice::from_raw_parts(address, length))
}

/// A text that is put together at the top of the memory.
struct Result {
    address: *mut u8,
    length: usize,
}

impl Result {
    // In front of it is noted from where on everything is given back.
    unsafe fn new(from: *const u8) -> Result {
        let note = take(4, 4) as *mut usize;

        *note = from as usize;
        Result { address: note.add(1) as *mut u8, length: 0 }
    }

    unsafe fn text(&mut self, text: &str) {
        let at = take(text.len(), 1);

        core::ptr::copy_nonoverlapping(text.as_ptr(), at, text.len());
        self.length += text.len();
    }

    unsafe fn number(&mut self, number: u32) {
        if number >= 10 {
            self.number(number / 10);
        }
        *take(1, 1) = b'0' + (number % 10) as u8;
        self.length += 1;
    }

    /// The address in the low half, the length in the high half.
    fn value(&self) -> u64 {
        self.address as usize as u64 | (self.length as u64) << 32
    }
}

// --- exports -------------------------------------------------------------------------------------

/// count(text: str) -> u32
#[no_mangle]
pub unsafe extern "C" fn count(address: *const u8, length: usize) -> u32 {
    let words = text_of(address, length).split_whitespace().count() as u32;

    give_back_from(address as usize);
    words
}

/// summary(text: str) -> str
#[no_mangle]
pub unsafe extern "C" fn summary(address: *const u8, length: usize) -> u64 {
    let mut words = 0;
    let mut longest = "";
    let note = "counting words";

    app::log(LEVEL_INFORMATION, note.as_ptr(), note.len());
    for word in text_of(address, length).split_whitespace() {
        words += 1;
        if word.chars().count() > longest.chars().count() {
            longest = word;
        }
    }
    let mut result = Result::new(address);
    result.number(words);
    result.text(if words == 1 { " word" } else { " words" });
    if words > 0 {
        result.text(", the longest is ");
        result.text(longest);
    }
    result.value()
}

/// The host has copied the result.
#[no_mangle]
pub unsafe extern "C" fn cabi_post_summary(result: u64) {
    give_back_from(*(result as u32 as usize as *const usize).sub(1));
}
