;; SPDX-License-Identifier: Apache-2.0
;; Accesses of each width at odd offsets and at the end; bulk instructions; growing.
(module $memory
  (memory (export "m") 1 4)
  (data $text "the quick brown fox jumps over the lazy dog")
  (data (i32.const 65530) "edge")
  (func (export "widths") (param $at i32) (result i64)
    (local $at_end i32)
    (local.set $at (i32.and (local.get $at) (i32.const 0xfff)))
    (i64.store8 offset=1 (local.get $at) (i64.const -2))
    (i64.store16 offset=3 align=1 (local.get $at) (i64.const -300))
    (i64.store32 offset=7 align=1 (local.get $at) (i64.const -70000))
    (i64.store offset=13 align=1 (local.get $at) (i64.const 0x0123456789abcdef))
    (i32.store8 offset=22 (local.get $at) (i32.const 255))
    (i32.store16 offset=23 align=1 (local.get $at) (i32.const 65535))
    (f32.store offset=26 align=1 (local.get $at) (f32.const 1.5))
    (f64.store offset=31 align=2 (local.get $at) (f64.const -2.5))
    (i64.add
      (i64.add (i64.load8_s offset=1 (local.get $at)) (i64.load8_u offset=1 (local.get $at)))
      (i64.add
        (i64.add (i64.load16_s offset=3 (local.get $at)) (i64.load16_u offset=4 (local.get $at)))
        (i64.add (i64.load32_s offset=7 (local.get $at)) (i64.load32_u offset=9 (local.get $at))))))
  (func (export "edge") (param i32) (result i32)
    (i32.add
      (i32.load offset=65532 (i32.const 0))
      (i32.add (i32.load8_s (i32.const 65535)) (i32.load16_u offset=0xffff0000 (local.get 0)))))
  (func (export "bulk") (param i32 i32) (result i32)
    (memory.init $text (local.get 0) (i32.const 4) (i32.const 20))
    (memory.copy (i32.add (local.get 0) (i32.const 3)) (local.get 0) (i32.const 40))
    (memory.fill (local.get 1) (i32.const 0x1a5) (i32.const 9))
    (i32.add (memory.grow (i32.const 1)) (i32.mul (i32.const 16) (memory.size))))
  (func (export "sum") (param $count i32) (result f64)
    (local $at i32) (local $sum f64)
    (loop $next
      (local.set $sum (f64.add (local.get $sum)
        (f64.mul (f64.load (local.get $at)) (f64.load offset=8 (local.get $at)))))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 160))))
    (local.get $sum)))
