#include "common/host_name.h"

#include <gtest/gtest.h>
#include <sys/utsname.h>

namespace hearth {
namespace {

TEST(HostName, IsTheNodeNameOfTheKernel) {
  utsname names;
  ASSERT_EQ(uname(&names), 0);
  EXPECT_EQ(HostName(), names.nodename);
}

}  // namespace
}  // namespace hearth
