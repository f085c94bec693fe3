# stand-in for the driver file of OpenNebula
