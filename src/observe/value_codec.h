// How the values of one series over one block's time are packed.
//
// What is measured is mostly whole numbers (requests, bytes) or short decimals (seconds, shares).
// Those are scaled to integers, predicted from what came before, and the differences Rice-coded: a
// steady series takes nothing, a noisy one the size of its noise. What is neither is packed as
// Gorilla does it, by XOR with the value before. Either way every bit comes back.
#pragma once

#include <span>
#include <string>

#include "base/error.h"
#include "observe/coding.h"

namespace fairlead::observe {

// NaN stands for "no sample".
std::string encode_values(std::span<const double> values);
// Fills `values` with what was packed for the same number of them. kProtocol when it is damaged.
Result<> decode_values(std::string_view packed, std::span<double> values);

}  // namespace fairlead::observe
