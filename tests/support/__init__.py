"""What tests share: clocks, servers, processes and made-up values, one meaning a name."""
