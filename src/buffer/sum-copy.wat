;; Copies and sums for memory that a stack uses itself (stack-memory.ts). A sum is one's complement over little-endian words of 16
;; bits (RFC 1071 §2 (B): byte order does not matter), folded to at most 17 bits; an odd last byte is padded with zero (§4.1).
(module
  (memory (import "m" "m") 0)

  ;; Lanes of 32 bits take 131,070 at a time: up to 512 KB without a carry out.
  (func $fold (param $lanes v128) (param $rest i32) (result i32)
    (local $sum i64)
    (local.set $sum
      (i64.add
        (i64.add
          (i64.extend_i32_u (i32x4.extract_lane 0 (local.get $lanes)))
          (i64.extend_i32_u (i32x4.extract_lane 1 (local.get $lanes))))
        (i64.add
          (i64.extend_i32_u (i32x4.extract_lane 2 (local.get $lanes)))
          (i64.add
            (i64.extend_i32_u (i32x4.extract_lane 3 (local.get $lanes)))
            (i64.extend_i32_u (local.get $rest))))))
    (local.set $sum
      (i64.add
        (i64.and (local.get $sum) (i64.const 0xffff))
        (i64.shr_u (local.get $sum) (i64.const 16))))
    (i32.wrap_i64
      (i64.add
        (i64.and (local.get $sum) (i64.const 0xffff))
        (i64.shr_u (local.get $sum) (i64.const 16)))))

  (func (export "sum") (param $at i32) (param $length i32) (result i32)
    (local $lanes v128) (local $more v128) (local $end i32) (local $rest i32)
    (local.set $end (i32.add (local.get $at) (i32.and (local.get $length) (i32.const -32))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $lanes (i32x4.add (local.get $lanes) (i32x4.extadd_pairwise_i16x8_u (v128.load align=1 (local.get $at)))))
        (local.set $more (i32x4.add (local.get $more) (i32x4.extadd_pairwise_i16x8_u (v128.load offset=16 align=1 (local.get $at)))))
        (local.set $at (i32.add (local.get $at) (i32.const 32)))
        (br $next)))
    (local.set $end (i32.add (local.get $at) (i32.and (local.get $length) (i32.const 30))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $rest (i32.add (local.get $rest) (i32.load16_u align=1 (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 2)))
        (br $next)))
    (if (i32.and (local.get $length) (i32.const 1))
      (then (local.set $rest (i32.add (local.get $rest) (i32.load8_u (local.get $at))))))
    (call $fold (i32x4.add (local.get $lanes) (local.get $more)) (local.get $rest)))

  ;; The sum of what is copied; the two places do not overlap.
  (func (export "copySum") (param $to i32) (param $at i32) (param $length i32) (result i32)
    (local $lanes v128) (local $more v128) (local $a v128) (local $b v128) (local $end i32) (local $rest i32) (local $word i32)
    (local.set $end (i32.add (local.get $at) (i32.and (local.get $length) (i32.const -32))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $a (v128.load align=1 (local.get $at)))
        (local.set $b (v128.load offset=16 align=1 (local.get $at)))
        (v128.store align=1 (local.get $to) (local.get $a))
        (v128.store offset=16 align=1 (local.get $to) (local.get $b))
        (local.set $lanes (i32x4.add (local.get $lanes) (i32x4.extadd_pairwise_i16x8_u (local.get $a))))
        (local.set $more (i32x4.add (local.get $more) (i32x4.extadd_pairwise_i16x8_u (local.get $b))))
        (local.set $at (i32.add (local.get $at) (i32.const 32)))
        (local.set $to (i32.add (local.get $to) (i32.const 32)))
        (br $next)))
    (local.set $end (i32.add (local.get $at) (i32.and (local.get $length) (i32.const 30))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $word (i32.load16_u align=1 (local.get $at)))
        (i32.store16 align=1 (local.get $to) (local.get $word))
        (local.set $rest (i32.add (local.get $rest) (local.get $word)))
        (local.set $at (i32.add (local.get $at) (i32.const 2)))
        (local.set $to (i32.add (local.get $to) (i32.const 2)))
        (br $next)))
    (if (i32.and (local.get $length) (i32.const 1))
      (then
        (local.set $word (i32.load8_u (local.get $at)))
        (i32.store8 (local.get $to) (local.get $word))
        (local.set $rest (i32.add (local.get $rest) (local.get $word)))))
    (call $fold (i32x4.add (local.get $lanes) (local.get $more)) (local.get $rest)))

  (func (export "copy") (param $to i32) (param $at i32) (param $length i32)
    (memory.copy (local.get $to) (local.get $at) (local.get $length))))
