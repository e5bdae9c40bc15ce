#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/communicator.h"

namespace hearth::testing {

// The largest count takes minutes under the thread sanitizer, and races do not depend on it.
#ifdef __SANITIZE_THREAD__
inline constexpr std::array<int64_t, 4> kElementCounts = {0, 1, 4, 1000};
#else
inline constexpr std::array<int64_t, 5> kElementCounts = {0, 1, 4, 1000, 100003};
#endif

/// Returns the value of rank r at index i. Sums over 5 ranks are exact in every type.
template <typename T>
T ValueOf(int rank, int64_t i) {
  return static_cast<T>((i * 7 + rank * 3) % 23 + rank);
}

template <typename T>
std::vector<T> ValuesOf(int rank, int64_t count) {
  std::vector<T> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(ValueOf<T>(rank, i));
  return values;
}

template <typename T>
T Expected(int world_size, int64_t i, ReduceOp op) {
  T result = ValueOf<T>(0, i);
  for (int rank = 1; rank < world_size; ++rank) {
    const T value = ValueOf<T>(rank, i);
    if (op == ReduceOp::kSum) result = static_cast<T>(result + value);
    if (op == ReduceOp::kMin) result = value < result ? value : result;
    if (op == ReduceOp::kMax) result = value > result ? value : result;
  }
  return result;
}

// The checks below are collective: every rank of a world runs them.

template <typename T>
void CheckAllReduce(Communicator& communicator) {
  for (const int64_t count : kElementCounts) {
    for (const ReduceOp op : {ReduceOp::kSum, ReduceOp::kMin, ReduceOp::kMax}) {
      std::vector<T> data = ValuesOf<T>(communicator.rank(), count);
      std::vector<T> expected;
      for (int64_t i = 0; i < count; ++i) {
        expected.push_back(Expected<T>(communicator.world_size(), i, op));
      }
      communicator.AllReduce(std::span(data), op);
      EXPECT_TRUE(data == expected) << count << " elements, " << NameOf(op);
    }
  }
}

template <typename T>
void CheckBroadcast(Communicator& communicator) {
  for (const int64_t count : kElementCounts) {
    for (int root = 0; root < communicator.world_size(); ++root) {
      std::vector<T> data = ValuesOf<T>(communicator.rank(), count);
      communicator.Broadcast(std::span(data), root);
      EXPECT_TRUE(data == ValuesOf<T>(root, count)) << count << " elements from " << root;
    }
  }
}

// Rank r brings count * r / 2 elements, so rank 0 brings none.
template <typename T>
void CheckAllGather(Communicator& communicator) {
  for (const int64_t count : kElementCounts) {
    std::vector<T> expected;
    std::vector<int64_t> expected_counts;
    for (int rank = 0; rank < communicator.world_size(); ++rank) {
      expected_counts.push_back(count * rank / 2);
      const std::vector<T> part = ValuesOf<T>(rank, expected_counts.back());
      expected.insert(expected.end(), part.begin(), part.end());
    }
    const int rank = communicator.rank();
    const std::vector<T> own = ValuesOf<T>(rank, expected_counts[rank]);
    std::vector<int64_t> counts;
    EXPECT_TRUE(communicator.template AllGather<T>(own, &counts) == expected) << count;
    EXPECT_EQ(counts, expected_counts);
    EXPECT_TRUE(communicator.template AllGather<T>(own) == expected) << count;
  }
}

// Rank `from` sends (from + 2 * to) % 3 * count / 2 elements to rank `to`, numbered by sender,
// receiver and position: a third of the pairs exchange nothing.
template <typename T>
void CheckAllToAll(Communicator& communicator) {
  const int rank = communicator.rank();
  const auto value = [](int from, int to, int64_t i) {
    return static_cast<T>((from * 50 + to * 11 + i) % 127);
  };
  for (const int64_t count : kElementCounts) {
    const auto size = [&](int from, int to) { return (from + 2 * to) % 3 * count / 2; };
    std::vector<T> send, expected;
    std::vector<int64_t> send_counts, expected_counts, counts;
    for (int peer = 0; peer < communicator.world_size(); ++peer) {
      send_counts.push_back(size(rank, peer));
      expected_counts.push_back(size(peer, rank));
      for (int64_t i = 0; i < size(rank, peer); ++i) send.push_back(value(rank, peer, i));
      for (int64_t i = 0; i < size(peer, rank); ++i) expected.push_back(value(peer, rank, i));
    }
    EXPECT_TRUE(communicator.template AllToAll<T>(send, send_counts, &counts) == expected) << count;
    EXPECT_EQ(counts, expected_counts);
  }
}

template <typename T>
void CheckAllOperations(Communicator& communicator) {
  CheckAllReduce<T>(communicator);
  CheckBroadcast<T>(communicator);
  CheckAllGather<T>(communicator);
  CheckAllToAll<T>(communicator);
  communicator.Barrier();
}

inline void CheckAllTypes(Communicator& communicator) {
  CheckAllOperations<float>(communicator);
  CheckAllOperations<double>(communicator);
  CheckAllOperations<int32_t>(communicator);
  CheckAllOperations<int64_t>(communicator);
  CheckAllOperations<uint8_t>(communicator);
}

/// Float sums round, but all ranks must see the same bits.
inline void CheckFloatSumsAreEqualOnAllRanks(Communicator& communicator) {
  for (const int64_t count : kElementCounts) {
    std::vector<float> data;
    for (int64_t i = 0; i < count; ++i) {
      data.push_back(1.0f / static_cast<float>(1 + communicator.rank() * 31 + i));
    }
    communicator.AllReduce(std::span(data), ReduceOp::kSum);
    std::vector<float> roots = data;
    communicator.Broadcast(std::span(roots), 0);
    EXPECT_TRUE(data == roots) << count;
  }
}

inline void CheckTextGather(Communicator& communicator) {
  std::vector<std::string> expected;
  for (int rank = 0; rank < communicator.world_size(); ++rank) {
    expected.emplace_back(rank, 'x');
  }
  const auto own = communicator.rank();
  EXPECT_EQ(AllGatherText(communicator, expected[own]), expected);
}

}  // namespace hearth::testing
