;; SPDX-License-Identifier: Apache-2.0
;; Arithmetic of all types, in every form of operand.
(module $numbers
  (func (export "i32") (param $a i32) (param $b i32) (result i32)
    (i32.xor
      (i32.rotl (i32.sub (i32.const 100) (local.get $a)) (i32.shl (local.get $b) (i32.const 3)))
      (i32.or
        (i32.div_s (i32.mul (local.get $a) (local.get $b)) (i32.or (local.get $b) (i32.const 1)))
        (i32.add (i32.clz (local.get $a))
          (i32.add (i32.ctz (local.get $b)) (i32.popcnt (i32.extend8_s (local.get $a))))))))
  (func (export "i64") (param $a i64) (param $b i64) (result i64)
    (i64.sub
      (i64.rem_u (local.get $a) (i64.or (local.get $b) (i64.const 1)))
      (i64.shr_s (i64.const 0x7fffffffffffffff)
        (i64.rotr (i64.extend32_s (local.get $a)) (i64.extend_i32_s (i64.eqz (local.get $b)))))))
  (func (export "f32") (param $a f32) (param $b f32) (result f32)
    (f32.max (f32.div (local.get $a) (local.get $b))
      (f32.copysign (f32.nearest (f32.mul (local.get $a) (f32.const 1.5)))
        (f32.sqrt (f32.abs (f32.sub (local.get $b) (local.get $a)))))))
  (func (export "f64") (param $a f64) (param $b f64) (result f64)
    (f64.min (f64.floor (f64.add (local.get $a) (f64.promote_f32 (f32.demote_f64 (local.get $b)))))
      (f64.ceil (f64.trunc (f64.neg (f64.div (f64.const 1) (local.get $a)))))))
  (func (export "convert") (param $a f64) (param $b f32) (param $c i64) (result i64)
    (i64.add
      (i64.add (i64.trunc_sat_f64_s (local.get $a)) (i64.trunc_sat_f32_u (local.get $b)))
      (i64.add
        (i64.extend_i32_u (i32.trunc_sat_f64_u (f64.convert_i64_u (local.get $c))))
        (i64.reinterpret_f64 (f64.convert_i32_s (i32.wrap_i64 (local.get $c)))))))
  (func (export "traps") (param $a f32) (param $b i32) (result i32)
    (i32.add (i32.trunc_f32_s (local.get $a)) (i32.rem_s (i32.const -7) (local.get $b))))
  (func (export "compare") (param f64 f64) (result i32)
    (select (f64.lt (local.get 0) (local.get 1)) (f64.ge (local.get 0) (f64.const 0))
      (i32.eqz (f64.ne (local.get 0) (local.get 0))))))
